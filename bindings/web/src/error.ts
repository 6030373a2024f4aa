/** An error of this client. Tell errors apart by `code`: the injected script has a class of its own. */
export class TokencastError extends Error {
  constructor(
    /** `misconfigured`: an option is wrong, the message says which. `ended`: the session ended. */
    readonly code: "misconfigured" | "ended",
    message: string,
  ) {
    super(message);
    this.name = "TokencastError";
  }
}
