import { Worker } from 'node:worker_threads';
import { fail, ok, type Call, type Failure, type Json, type Result } from '@goldenthread/core';
import { ownModule, unloadable } from './own-module.ts';

/** A question to a function of a module of the user's own. */
export interface Question {
  /** Absolute path of the workspace. */
  readonly root: string;
  /** The module, relative to the root. */
  readonly path: string;
  /** The function that it exports. */
  readonly name: string;
  /** What it is asked; it gets a copy. */
  readonly input: Json;
  /** What to export, as a sentence: for whoever has not. */
  readonly hint: string;
  /** Until it is stopped. */
  readonly seconds: number;
}

/** How far it came, and the answer as JSON or what went wrong. */
interface Said {
  readonly at: 'load' | 'export' | 'run' | 'answer';
  readonly text: string;
}

const LONGEST = 1024 * 1024;
const MEGABYTES = 512;

/*
 * What runs in the thread. It is a text because a bundle has no file for it, and plain: it takes the function, asks it and
 * sends what it said.
 */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const { url, hooks, name, input, longest } = workerData;
const words = (error) => String((error && error.message) || error).slice(0, 2000);
let at = 'load';
const send = (text) => parentPort.postMessage({ at, text });
(async () => {
  if (hooks) require('node:module').register(hooks.url, { data: hooks.data });
  const found = (await import(url))[name];
  at = 'export';
  if (typeof found !== 'function') return send('');
  at = 'run';
  const text = JSON.stringify(await found(JSON.parse(input)));
  if (text !== undefined && text.length > longest) throw new Error('its answer is too long');
  at = 'answer';
  send(String(text));
})().catch((error) => send(words(error)));
`;

function failureOf({ path, name, hint }: Question, { at, text }: Said): Failure {
  if (at === 'load') return unloadable(path, text);
  if (at === 'export') return { code: 'usage', detail: `${path} exports no function \`${name}\``, hint };
  return { code: 'tool-failed', tool: path, detail: `\`${name}\` threw: ${text}` };
}

function parsed(question: Question, said: Said): Result<Json> {
  if (said.at !== 'answer') return fail(failureOf(question, said));
  // A function that answers nothing sends no JSON, and neither does a module that writes to us by itself.
  try {
    return ok(said.text === 'undefined' ? null : (JSON.parse(said.text) as Json));
  } catch {
    return fail({ code: 'tool-failed', tool: question.path, detail: 'its answer is no JSON' });
  }
}

function startThread({ name, input }: Question, module: { url: string; hooks: object | null }): Worker {
  const worker = new Worker(THREAD, {
    eval: true,
    workerData: { ...module, name, input: JSON.stringify(input), longest: LONGEST },
    // Nothing of our environment is its business, and nothing it prints may get among our output.
    env: {},
    argv: [],
    execArgv: [],
    stdin: false,
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: MEGABYTES },
  });
  worker.stdout.resume();
  worker.stderr.resume();
  return worker;
}

/**
 * Asks a function of a module of the user's own, in a thread that is ended in any case: after its answer, when it takes too
 * long (`timeout`), on cancelling. What it throws is `tool-failed`; what is no function `usage`. The thread keeps mistakes
 * from us, not malice: the module is the workspace's own code.
 */
export async function askOwn(question: Question, call: Call): Promise<Result<Json>> {
  const found = ownModule(question.root, question.path);
  if (!found.ok) return found;
  if (call.signal.aborted) return fail({ code: 'cancelled' });
  const { name, seconds } = question;
  const { path } = found.value;
  const worker = startThread(question, found.value);
  const answer = await new Promise<Result<Json>>((resolve) => {
    const refuse = (failure: Failure): void => resolve(fail(failure));
    const what = `\`${name}\` of ${path}`;
    const alarm = setTimeout(() => refuse({ code: 'timeout', what, seconds }), seconds * 1000);
    const cancel = (): void => refuse({ code: 'cancelled' });
    call.signal.addEventListener('abort', cancel, { once: true });
    worker.once('message', (said: Said) => resolve(parsed({ ...question, path }, said)));
    worker.once('error', ({ message }) => refuse({ code: 'tool-failed', tool: path, detail: message }));
    worker.once('exit', () => {
      clearTimeout(alarm);
      call.signal.removeEventListener('abort', cancel);
      refuse({ code: 'tool-failed', tool: path, detail: `${what} ended without an answer` });
    });
  });
  await worker.terminate();
  return answer;
}
