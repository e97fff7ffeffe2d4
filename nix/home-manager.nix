# home-manager: services.jano, a systemd user service on Linux and a launchd agent on macOS.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.jano;
  common = import ./options.nix { inherit config lib pkgs; };
  command = "${lib.getExe common.package} serve --config ${common.file}";
  path = "${config.home.profileDirectory}/bin:/run/current-system/sw/bin:/usr/bin:/bin";
  units = import ./service.nix {
    scope = "user";
    inherit command path;
    kill = "${pkgs.coreutils}/bin/kill";
    inherit (common) address;
    inherit (cfg) credentials;
  };
  listOf = value: if builtins.isList value then value else [ value ];
  installed = unit: unit // { Install.WantedBy = listOf unit.Install.WantedBy; };
in
{
  options.services.jano = common.options;

  config = lib.mkIf cfg.enable (
    lib.mkMerge [
      { home.packages = [ common.package ]; }

      (lib.mkIf pkgs.stdenv.hostPlatform.isLinux {
        systemd.user.services = {
          jano = installed units.service;
        }
        // lib.mapAttrs' (name: model: {
          name = "jano-model-${name}";
          value = {
            Unit.Description = "Model server ${name}";
            Service =
              removeAttrs units.model.Service [ "EnvironmentFile" ]
              // { ExecStart = model.command; }
              // model.serviceConfig;
          };
        }) cfg.units;
        systemd.user.sockets.jano = installed units.socket;
      })

      (lib.mkIf pkgs.stdenv.hostPlatform.isDarwin {
        assertions = [
          {
            assertion = cfg.units == { } && cfg.credentials == { };
            message = "services.jano: units and credentials need systemd";
          }
        ];
        launchd.agents.jano = {
          enable = true;
          config = units.launchd // {
            ProgramArguments = [ (lib.getExe common.package) "serve" "--config" "${common.file}" ];
            EnvironmentVariables.PATH = path;
            StandardOutPath = "${config.home.homeDirectory}/Library/Logs/jano.log";
            StandardErrorPath = "${config.home.homeDirectory}/Library/Logs/jano.log";
          };
        };
      })
    ]
  );
}
