import tseslint from "typescript-eslint";

const clockAndChance = [
  { object: "Date", property: "now", message: "Time comes in as an input." },
  { object: "Math", property: "random", message: "Randomness comes in as an input." },
  { object: "performance", property: "now", message: "Time comes in as an input." },
];
const noWorld = ["process", "setTimeout", "setInterval", "setImmediate", "queueMicrotask", "fetch", "console", "Buffer"].map(
  (name) => ({ name, message: "simulator/graph and simulator/core have no I/O, no clock and no timers." }),
);

export default tseslint.config(
  { ignores: ["node_modules/", "dist/", "out/", ".test-output/", "test/e2e/vscode/", "**/*.cjs", "**/*.mjs"] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        project: [
          "./simulator/tsconfig.json",
          "./simulator/tsconfig.pure.json",
          "./webview/tsconfig.json",
          "./extension/tsconfig.json",
          "./test/tsconfig.json",
        ],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/require-await": "off",
      eqeqeq: "error",
      "no-restricted-exports": ["error", { restrictDefaultExports: { direct: true } }],
    },
  },
  {
    files: ["simulator/graph/**/*.ts", "simulator/core/**/*.ts"],
    rules: {
      "no-restricted-properties": ["error", ...clockAndChance],
      "no-restricted-globals": ["error", ...noWorld],
      "no-restricted-syntax": [
        "error",
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: "Time comes in as an input." },
      ],
    },
  },
  {
    files: ["extension/**/*.ts"],
    ignores: ["extension/personInput.ts"],
    rules: {
      "no-restricted-syntax": [
        "error",
        {
          selector: "MemberExpression[property.name=/^show(QuickPick|InputBox)$/]",
          message: "Ask with pickOf or inputOf of personInput.ts, which a late change of focus does not close.",
        },
      ],
    },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-return": "off",
    },
  },
);
