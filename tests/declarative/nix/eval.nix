# What a module makes of `services.jano = settings`, with everything outside of it stood in for.
{ module, settings, system ? "linux" }:
let
  lib = import ./lib.nix;
  jano = {
    outPath = "/nix/store/jano";
    withPlugins = select: builtins.deepSeq (select { llamacpp = "llamacpp"; systemd = "systemd"; }) jano;
  };
  pkgs = {
    inherit jano;
    systemd = "/nix/store/systemd";
    coreutils = "/nix/store/coreutils";
    stdenv.hostPlatform = { isLinux = system == "linux"; isDarwin = system == "darwin"; };
    formats.toml = _: { type = lib.types.anything; generate = name: value: builtins.toJSON value; };
    runCommand = name: attributes: script: "/nix/store/${name}";
  };
  config = {
    home = { homeDirectory = "/home/ada"; profileDirectory = "/home/ada/.nix-profile"; };
    services.jano = lib.evalOptions made.options.services.jano settings;
  };
  made = import module { inherit config lib pkgs; };
in
made.config // {
  # The file as it would be written, without the build that checks it.
  file = builtins.fromJSON (
    (import ../../../nix/options.nix {
      inherit lib pkgs;
      config.services.jano = config.services.jano // { checkConfig = false; };
    }).file
  );
}
