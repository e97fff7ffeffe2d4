# The NixOS module under the real module system of the nixpkgs at `lib`.
{ lib, settings }:
let
  free = lib.mkOption { type = lib.types.attrsOf lib.types.anything; default = { }; };
  jano = { type = "derivation"; name = "jano"; outPath = "/nix/store/jano"; meta.mainProgram = "jano"; withPlugins = select: jano; };
  result = lib.evalModules {
    specialArgs.pkgs = {
      inherit jano;
      systemd = "/nix/store/systemd";
      coreutils = "/nix/store/coreutils";
      formats.toml = _: {
        type = lib.types.attrsOf lib.types.anything;
        generate = name: value: "/nix/store/${name}";
      };
      runCommand = name: attributes: script: "/nix/store/${name}";
    };
    modules = [
      ../../../nix/nixos.nix
      {
        options = {
          systemd.services = free;
          systemd.sockets = free;
          users = free;
          networking = free;
          security = free;
        };
        config.services.jano = settings;
      }
    ];
  };
in
result.config.systemd.services
