/** Preloaded into a child process (NODE_OPTIONS=--import): shows every secret that the process wants to be masked. */
const write = process.stdout.write.bind(process.stdout);

process.stdout.write = (chunk: string | Uint8Array, ...rest: never[]): boolean => {
  const [, secret] = /^::add-mask::(.*)$/m.exec(String(chunk)) ?? [];
  if (secret !== undefined) write(`leaked ${secret.replaceAll('%25', '%')}\n`);
  return write(chunk, ...rest);
};
