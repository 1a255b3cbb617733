// The post step is a file of its own: a job that is cancelled before main has saved any state still runs post, and
// that must never begin a capture.
process.argv[2] = 'post';
await import('./index.js');
