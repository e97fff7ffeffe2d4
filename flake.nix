{
  description = "A router and queue for language models on your own hardware";

  # Yours: `inputs.jano.inputs.nixpkgs.follows = "nixpkgs"`, or on the command line
  # `nix run … --override-input nixpkgs nixpkgs`.
  inputs.nixpkgs.url = "path:./nix/stub-nixpkgs";

  outputs = { self, nixpkgs }:
    let
      forEach = make: builtins.mapAttrs (system: pkgs: make (pkgs.extend self.overlays.default))
        (builtins.intersectAttrs systems nixpkgs.legacyPackages);
      systems = {
        x86_64-linux = null;
        aarch64-linux = null;
        aarch64-darwin = null;
      };
    in
    {
      overlays.default = import ./nix/overlay.nix;
      nixosModules.default = import ./nix/nixos.nix;
      homeModules.default = import ./nix/home-manager.nix;

      packages = forEach (pkgs: {
        default = pkgs.jano;
        full = pkgs.jano.withPlugins builtins.attrValues;
      });

      devShells = forEach (pkgs: {
        default = pkgs.mkShell {
          packages = [ pkgs.python3 pkgs.uv pkgs.gnumake pkgs.gcc pkgs.nodejs pkgs.curl ];
        };
      });

      checks = forEach (pkgs:
        {
          package = pkgs.jano.withPlugins builtins.attrValues;
          # The configuration check of the modules, with a mistake that must be found.
          mistake = pkgs.testers.testBuildFailure (pkgs.runCommand "mistake" { } ''
            echo '[models.chat]' > jano.toml
            ${pkgs.jano}/bin/jano check --config jano.toml && touch $out
          '');
        }
        // (if pkgs.stdenv.hostPlatform.isLinux then {
          vm = import ./nix/vm-test.nix {
            inherit pkgs;
            module = self.nixosModules.default;
            overlay = self.overlays.default;
          };
        } else { }));
    };
}
