import { runProgram } from './program.ts';

const controller = new AbortController();
let interrupts = 0;
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    interrupts += 1;
    // A second Ctrl-C does not wait for the clean-up; what it leaves, the next run clears.
    if (interrupts > 1) process.exit(130);
    controller.abort();
  });
}

try {
  const code = await runProgram(process.argv.slice(2), controller.signal);
  process.exit(controller.signal.aborted ? 130 : code);
} catch (error) {
  const detail =
    error instanceof Error
      ? process.env['GOLDENTHREAD_DEBUG']
        ? error.stack
        : error.message
      : String(error);
  process.stderr.write(
    `✘ this is a bug in goldenthread: ${detail}\n→ Run it again with GOLDENTHREAD_DEBUG=1 and report what it prints.\n`,
  );
  process.exit(1);
}
