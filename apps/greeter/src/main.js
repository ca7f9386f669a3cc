import { portOf, run } from './run.js';
import { createService } from './server.js';

const state = { stopping: false };
run(createService(state), state, { port: portOf(process.env) });
