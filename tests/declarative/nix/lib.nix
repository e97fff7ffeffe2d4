# The few words of nixpkgs' lib that nix/*.nix uses, so that the modules can be evaluated without
# nixpkgs. Where a nixpkgs is at hand they are evaluated with the real one as well (real.nix).
let
  inherit (builtins) all attrNames concatStringsSep elem filter foldl' isAttrs isBool isFunction
    isInt isList isString listToAttrs map mapAttrs match;

  recursiveUpdate = old: new:
    old // mapAttrs
      (name: value:
        if isAttrs value && isAttrs (old.${name} or null) then recursiveUpdate old.${name} value else value)
      new;

  refuse = name: type: throw "A definition for option `${name}' is not of type `${type.name}'.";
  given = name: type: value: if type.check value then type.merge name value else refuse name type;
  simple = name: check: { inherit name check; merge = option: value: value; };

  # A submodule's value: every option with its definition or its default.
  options = declared: value:
    mapAttrs
      (name: option:
        if option ? type
        then
          if value ? ${name} then given name option.type value.${name}
          else option.default or (throw "The option `${name}' is used but not defined.")
        else options option (value.${name} or { }))
      declared;
in
rec {
  inherit recursiveUpdate mapAttrs;
  evalOptions = options;
  mkOption = option: option // (if option ? default && option.type ? fill then { default = option.type.fill option.default; } else { });
  mkEnableOption = text: mkOption { type = types.bool; default = false; };
  literalExpression = text: text;
  mkIf = condition: content: if condition then content else { };
  mkMerge = foldl' recursiveUpdate { };
  mapAttrs' = make: set: listToAttrs (map (name: make name set.${name}) (attrNames set));
  hasInfix = part: text: match ".*${part}.*" text != null;
  escapeShellArgs = concatStringsSep " ";
  getExe = package: "${package}/bin/jano";
  makeBinPath = packages: concatStringsSep ":" (map (package: "${package}/bin") packages);

  types = {
    str = simple "string" isString;
    bool = simple "boolean" isBool;
    anything = simple "anything" (value: true);
    package = simple "package" (value: isString value || isAttrs value);
    port = simple "16 bit unsigned integer; between 0 and 65535 (both inclusive)"
      (value: isInt value && value >= 0 && value < 65536);
    strMatching = pattern: simple "string matching the pattern ${pattern}"
      (value: isString value && match pattern value != null);
    functionTo = type: simple "function" isFunction;
    listOf = type: simple "list" (value: isList value && all type.check value);
    attrsOf = type: {
      name = "attribute set of ${type.name}";
      check = isAttrs;
      merge = option: mapAttrs (name: given "${option}.${name}" type);
    };
    submodule = { options, freeformType ? null }: rec {
      name = "submodule";
      check = isAttrs;
      fill = merge "default";
      merge = option: value:
        let
          known = evalOptions options value;
          unknown = filter (each: !(options ? ${each})) (attrNames value);
        in
        if freeformType == null && unknown != [ ]
        then throw "The option `${option}.${builtins.head unknown}' does not exist."
        else value // known;
    };
  };
}
