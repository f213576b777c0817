import { Lexer } from "yaml";

/** The state of the library's lexer that decides which lines belong to brackets. Private; a test fails when it is gone. */
interface State {
  indentNext: number;
  parseFlowCollection(): Generator<string, string | undefined>;
}

/** A lexer that takes lines of brackets with any indent, as YAML 1.1 does. */
export function createLexer(): Lexer {
  const lexer = new Lexer();
  const state = lexer as unknown as State;
  const parse = state.parseFlowCollection.bind(lexer);
  state.parseFlowCollection = function* () {
    const { indentNext } = state;
    state.indentNext = 0;
    const next = yield* parse();
    state.indentNext = indentNext;
    return next;
  };
  return lexer;
}
