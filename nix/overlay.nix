# `pkgs.jano`
final: prev: { jano = final.callPackage ./package.nix { }; }
