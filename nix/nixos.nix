# NixOS: services.jano
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.jano;
  common = import ./options.nix { inherit config lib pkgs; };
  units = import ./service.nix {
    scope = "system";
    command = "${lib.getExe common.package} serve --config ${common.file}";
    path = lib.makeBinPath [ pkgs.systemd pkgs.coreutils ] + ":/run/current-system/sw/bin";
    kill = "${pkgs.coreutils}/bin/kill";
    inherit (common) address;
    inherit (cfg) credentials;
  };
in
{
  options.services.jano = common.options // {
    openFirewall = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Let other machines reach the port. The settings must have keys then.";
    };
  };

  config = lib.mkIf cfg.enable {
    users.users.jano = {
      isSystemUser = true;
      group = "jano";
      extraGroups = [ "render" "video" "systemd-journal" ];
    };
    users.groups.jano = { };

    systemd.services = {
      jano = {
        unitConfig = units.service.Unit;
        serviceConfig = units.service.Service;
        wantedBy = [ units.service.Install.WantedBy ];
        # A change of the settings: running streams end first, connections wait in the socket.
        restartTriggers = [ common.file ];
      };
    }
    // lib.mapAttrs' (name: model: {
      name = "jano-model-${name}";
      value = {
        description = "Model server ${name}";
        serviceConfig =
          removeAttrs units.model.Service [ "EnvironmentFile" ]
          // { ExecStart = model.command; }
          // model.serviceConfig;
        # Jano decides whether it runs, also after the system was switched.
        restartIfChanged = false;
      };
    }) cfg.units;

    systemd.sockets.jano = {
      description = units.socket.Unit.Description;
      socketConfig = units.socket.Socket;
      wantedBy = [ units.socket.Install.WantedBy ];
    };

    # Jano is not root; it may start and stop the units of its models and no others.
    security.polkit.enable = lib.mkIf (cfg.units != { }) true;
    security.polkit.extraConfig = lib.mkIf (cfg.units != { }) (
      builtins.readFile ../systemd/polkit/50-jano.rules
    );

    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall [ cfg.settings.server.port ];
  };
}
