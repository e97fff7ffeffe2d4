# Stands where nixpkgs belongs until somebody says which: jano.inputs.nixpkgs.follows = "nixpkgs".
# With it, `nix flake show` and `nix flake check` need no network; there is nothing to build then.
{
  outputs = { self }: { legacyPackages = { }; };
}
