globalThis.todo = 1;
