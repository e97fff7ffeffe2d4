# The core: `jano` with `jano.withPlugins (plugins: [ plugins.llamacpp ])`.
{
  lib,
  python3,
  runCommand,
}:
let
  project = (builtins.fromTOML (builtins.readFile ../pyproject.toml)).project;

  # `name>=1; marker` → the package of that name, where nixpkgs has one.
  requirement = packages: text:
    let
      name = builtins.head (builtins.match "([A-Za-z0-9._-]+).*" text);
    in
    packages.${lib.toLower (builtins.replaceStrings [ "." "_" ] [ "-" "-" ] name)};

  source = lib.cleanSourceWith {
    src = ../.;
    filter = path: type:
      !(builtins.elem (baseNameOf path) [ ".venv" ".git" ".cache" "tests" "node_modules" ]);
  };

  core = packages:
    packages.buildPythonPackage {
      pname = "jano-core";
      version = builtins.head (
        builtins.match ".*__version__ = \"([^\"]+)\".*" (builtins.readFile ../jano_core/version.py)
      );
      pyproject = true;
      src = source;
      build-system = [ packages.hatchling ];
      dependencies = map (requirement packages) project.dependencies;
      # The pins are for the index; nixpkgs has one version of each, and the tests say if it fits.
      pythonRelaxDeps = true;
      pythonImportsCheck = [ "jano_core" ];
      meta = {
        description = project.description;
        license = lib.licenses.mit;
        mainProgram = "jano";
      };
    };

  plugin = packages: folder:
    let
      own = (builtins.fromTOML (builtins.readFile (../plugins + "/${folder}/pyproject.toml"))).project;
      others = builtins.filter (text: builtins.match "jano-core.*" text == null) own.dependencies;
    in
    packages.buildPythonPackage {
      pname = own.name;
      inherit (own) version;
      pyproject = true;
      src = ../plugins + "/${folder}";
      build-system = [ packages.hatchling ];
      dependencies = [ (core packages) ] ++ map (requirement packages) others;
      pythonRelaxDeps = true;
    };

  folders = builtins.attrNames (
    lib.filterAttrs (name: type: type == "directory") (builtins.readDir ../plugins)
  );
  plugins = builtins.listToAttrs (
    map (folder: {
      name = lib.removePrefix "jano-" folder;
      value = plugin python3.pkgs folder;
    }) folders
  );

  # One environment with the plugins, of which only `jano` is linked: what else their
  # dependencies bring along stays out of PATH.
  withPlugins = select:
    let
      environment = python3.withPackages (packages: [ (core packages) ] ++ select plugins);
    in
    runCommand "jano-with-plugins"
      {
        passthru = { inherit withPlugins plugins; };
        meta.mainProgram = "jano";
      }
      ''
        mkdir -p $out/bin
        ln -s ${environment}/bin/jano $out/bin/jano
      '';
in
withPlugins (plugins: [ ])
