// The sweep is an action of its own in the same bundle.
process.argv[2] = 'sweep';
await import('./index.js');
