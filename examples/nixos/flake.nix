{
  description = "A model box as one file";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    jano.url = "path:../.."; # elsewhere: the address of Jano's repository
    jano.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs = { nixpkgs, jano, ... }: {
    nixosConfigurations.box = nixpkgs.lib.nixosSystem {
      system = "x86_64-linux";
      modules = [
        jano.nixosModules.default
        { nixpkgs.overlays = [ jano.overlays.default ]; }
        ./box.nix
      ];
    };
  };
}
