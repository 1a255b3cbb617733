import { join } from 'node:path';
import { Language, Parser, type Node } from 'web-tree-sitter';

/** Something that Windows PowerShell 5.1 would not take. Lines and columns count from 1. */
export interface PowerShellProblem {
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** Reads PowerShell by the grammar of tree-sitter. */
export interface PowerShellReader {
  readonly problems: (script: string) => readonly PowerShellProblem[];
  /** Names of the commands that the script runs, sorted, each once. */
  readonly commands: (script: string) => readonly string[];
}

const grammar = join(
  import.meta.dirname,
  '../../node_modules/tree-sitter-powershell/tree-sitter-powershell.wasm',
);

/** Loads the grammar; it is WebAssembly, so nothing is compiled. */
export async function openPowerShellReader(): Promise<PowerShellReader> {
  await Parser.init();
  const parser = new Parser();
  parser.setLanguage(await Language.load(grammar));
  const nodesOf = (script: string): readonly Node[] => {
    const tree = parser.parse(script);
    if (tree === null) throw new Error('The grammar gave no tree.');
    return [...descendants(tree.rootNode)];
  };
  return {
    problems: (script) => nodesOf(script).filter(isProblem).map(problemOf),
    commands: (script) => {
      const names = nodesOf(script).filter(({ type }) => type === 'command_name');
      return [...new Set(names.map(({ text }) => text))].sort();
    },
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
