import js from '@eslint/js';
import importX, { createNodeResolver } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** Files that must stay pure: no SDK values, no toolkit, no clock, no randomness, no file or network access. */
const pure = [
  'src/{plan,layout,run,expected-work}.ts',
  'src/checks/*.ts',
  'src/{permissions,rights}.ts',
  'src/{vhd,marks,remedies}.ts',
  'src/{blob-name,claim,lock-names}.ts',
  'src/earlier.ts',
  'src/copy/{progress,outcome,pieces,ranges,crc64,read-back,sidecar,page-check}.ts',
  'src/copy/{piece-checksums,piece-failure,lane,followers,window}.ts',
  'src/copy/schedule/*.ts',
  'src/clone/{clone-facts,clone-plan,clone-rights,closing-order,copy-network}.ts',
  'src/report/{outputs,summary,manifest,table,plan,result,copies,role}.ts',
  'src/sweep/{decide,report}.ts',
  'src/guest/{marked-lines,windows-*}.ts',
];

/** The only files that may know the Actions toolkit. */
const toolkit = [
  'src/{inputs,journal,main,post,index,workflow}.ts',
  'src/report/write.ts',
  'src/sweep/sweep.ts',
];

const noToolkit = {
  group: ['@actions/*'],
  message: 'Only the edge of the action knows the toolkit.',
};
const noSdk = {
  group: ['@azure/*'],
  message: 'SDK values live in src/azure only.',
  allowTypeImports: true,
};

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'coverage/'] },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ['*.js', 'scripts/*.js'] } },
    },
    plugins: { 'import-x': importX },
    rules: {
      'import-x/no-cycle': 'error',
      'import-x/no-default-export': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
    },
    settings: { 'import-x/resolver-next': [createNodeResolver({ extensions: ['.ts', '.js'] })] },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': ['error', { patterns: [noToolkit, noSdk] }],
    },
  },
  {
    files: toolkit,
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns: [noSdk] }] },
  },
  {
    files: ['src/azure/**/*.ts'],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns: [noToolkit] }] },
  },
  {
    files: pure,
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        { patterns: [noToolkit, noSdk, { group: ['node:*'], message: 'This file is pure.' }] },
      ],
      'no-restricted-globals': [
        'error',
        'process',
        'fetch',
        'setTimeout',
        'setInterval',
        'console',
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Pass the time in.' },
        { object: 'Math', property: 'random', message: 'Pass the value in.' },
      ],
    },
  },
  {
    // The functions of a table have the type of the table's rows.
    files: ['src/checks/*-rules.ts'],
    rules: { '@typescript-eslint/explicit-module-boundary-types': 'off' },
  },
  {
    files: ['**/*.js'],
    extends: [tseslint.configs.disableTypeChecked],
    rules: {
      'import-x/no-default-export': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
    },
    languageOptions: { globals: { process: 'readonly', console: 'readonly' } },
  },
);
