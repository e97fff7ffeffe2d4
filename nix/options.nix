# The options that the NixOS and the home-manager module have in common, and what follows from them.
{
  config,
  lib,
  pkgs,
}:
let
  inherit (lib) mkOption types;
  cfg = config.services.jano;
  toml = pkgs.formats.toml { };

  unit = types.submodule {
    options = {
      command = mkOption {
        type = types.str;
        example = "\${pkgs.llama-cpp}/bin/llama-server -m /models/chat.gguf --port 9001";
        description = "Its command line, run by systemd without a shell.";
      };
      port = mkOption {
        type = types.port;
        description = "Where it answers on 127.0.0.1.";
      };
      serviceConfig = mkOption {
        type = types.attrsOf types.anything;
        default = { };
        example.MemoryMax = "40G";
        description = "More for the [Service] section of its unit.";
      };
    };
  };

  unitSettings = lib.mapAttrs (name: model: {
    unit = "jano-model-${name}.service";
    url = "http://127.0.0.1:${toString model.port}";
  }) cfg.units;
in
{
  options = {
    enable = lib.mkEnableOption "Jano, a router and queue for language models";
    package = mkOption {
      type = types.package;
      default = pkgs.jano;
      defaultText = lib.literalExpression "pkgs.jano";
      description = "The package; it needs `withPlugins`.";
    };
    plugins = mkOption {
      type = types.functionTo (types.listOf types.package);
      default = plugins: [ plugins.llamacpp plugins.systemd ];
      defaultText = lib.literalExpression "plugins: [ plugins.llamacpp plugins.systemd ]";
      description = "Which of its plugins to use.";
    };
    settings = mkOption {
      type = types.submodule {
        freeformType = toml.type;
        options.server = {
          host = mkOption {
            type = types.str;
            default = "127.0.0.1";
            description = "The address that the socket unit listens on.";
          };
          port = mkOption {
            type = types.port;
            default = 8082;
            description = "Its port.";
          };
        };
      };
      default = { };
      description = "jano.toml as it stands; checked with `jano check` when it is built.";
    };
    units = mkOption {
      type = types.attrsOf unit;
      default = { };
      description = "Model servers as units of their own, that Jano starts and stops.";
    };
    credentials = mkOption {
      # A string, not a path: a path would be copied to the store, which everybody can read.
      type = types.attrsOf (types.strMatching "/.*");
      default = { };
      example.api-keys = "/run/secrets/jano-api-keys";
      description = "Files that the settings name as `\${credential:NAME}`.";
    };
    checkConfig = mkOption {
      type = types.bool;
      default = true;
      description = "Whether a mistake in the settings fails the build instead of the service.";
    };
  };

  package = cfg.package.withPlugins cfg.plugins;

  address =
    let
      inherit (cfg.settings.server) host port;
      shown = if lib.hasInfix ":" host then "[${host}]" else host;
    in
    "${shown}:${toString port}";

  # The configuration file. Secrets are not there when it is built: they are stood in for.
  file =
    let
      settings = cfg.settings // {
        models = lib.recursiveUpdate (cfg.settings.models or { }) unitSettings;
      };
      written = toml.generate "jano.toml" settings;
    in
    if !cfg.checkConfig then
      written
    else
      pkgs.runCommand "jano.toml" { nativeBuildInputs = [ (cfg.package.withPlugins cfg.plugins) ]; } ''
        export HOME=$TMPDIR CREDENTIALS_DIRECTORY=$TMPDIR/credentials
        mkdir $CREDENTIALS_DIRECTORY
        for name in ${lib.escapeShellArgs (builtins.attrNames cfg.credentials)}; do
          echo stand-in > "$CREDENTIALS_DIRECTORY/$name"
        done
        for name in $(grep -o '[$]{env:[A-Za-z0-9_]*' ${written} | cut -d: -f2); do
          export "$name=stand-in"
        done
        jano check --config ${written}
        cp ${written} $out
      '';
}
