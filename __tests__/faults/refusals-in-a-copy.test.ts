import { copying } from '../support/fault-flows.ts';
import { refusals } from '../support/fault-kinds.ts';
import { playFaults } from '../support/play-faults.ts';

await playFaults(copying, refusals);
