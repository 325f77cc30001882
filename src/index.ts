export {UntangleError} from './errors.js';
