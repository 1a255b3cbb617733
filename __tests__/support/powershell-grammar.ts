import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Language, Parser, type Node } from 'web-tree-sitter';

/** Something that Windows PowerShell 5.1 would not take. Lines and columns count from 1. */
export interface PowerShellProblem {
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** What the grammar finds in a script. */
export interface PowerShellReading {
  readonly problems: readonly PowerShellProblem[];
  /** Names of the commands that the script runs, sorted, each once. */
  readonly commands: readonly string[];
}

const packages = join(import.meta.dirname, '../../node_modules');

await Parser.init();
const parser = new Parser();
parser.setLanguage(
  await Language.load(join(packages, 'tree-sitter-powershell/tree-sitter-powershell.wasm')),
);
const scripts = JSON.parse(readFileSync(0, 'utf8')) as readonly string[];
process.stdout.write(JSON.stringify(scripts.map(readingOf)));

function readingOf(script: string): PowerShellReading {
  const tree = parser.parse(script);
  if (tree === null) throw new Error('The grammar gave no tree.');
  const nodes = [...descendants(tree.rootNode)];
  const names = nodes.filter(({ type }) => type === 'command_name').map(({ text }) => text);
  return {
    problems: nodes.filter(isProblem).map(problemOf),
    commands: [...new Set(names)].sort(),
  };
}

function* descendants(node: Node): Generator<Node> {
  yield node;
  for (const child of node.children) yield* descendants(child);
}

/** The grammar takes `a && b`, which came with PowerShell 7; other new operators are errors to it. */
function isProblem(node: Node): boolean {
  return node.isError || node.isMissing || node.type === 'pipeline_chain_tail';
}

function problemOf({ startPosition, text }: Node): PowerShellProblem {
  return {
    line: startPosition.row + 1,
    column: startPosition.column + 1,
    text: text.split('\n', 1)[0] ?? '',
  };
}
