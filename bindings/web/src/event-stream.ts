/** The format of server-sent events, read as the HTML standard has it (section 9.2.6). */

/** What a stream holds, in its order. */
export interface EventStreamReader {
  /** An event, or with an empty type the place of one that has no data: only its id counts. */
  event(type: string, data: string, lastEventId: string): void;
  /** The server wants so many milliseconds between connections. */
  retry(ms: number): void;
}

/**
 * Reads decoded text in pieces of any size. An event that is not finished when the stream ends was none.
 *
 * @param lastEventId of the connection before.
 */
export function readEventStream(reader: EventStreamReader, lastEventId: string): (text: string) => void {
  let rest = "";
  /** The last piece ended with a CR; the LF of a pair may still come. */
  let endedWithCr = false;
  let data = "";
  let type = "";

  function line(text: string): void {
    if (!text) return dispatch();
    const colon = text.indexOf(":");
    // A comment.
    if (colon === 0) return;
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (field === "data") data += value + "\n";
    if (field === "event") type = value;
    if (field === "id" && !value.includes("\0")) lastEventId = value;
    if (field === "retry" && /^[0-9]+$/.test(value)) reader.retry(Number(value));
  }

  function dispatch(): void {
    if (data) reader.event(type || "message", data.slice(0, -1), lastEventId);
    else reader.event("", "", lastEventId);
    data = type = "";
  }

  return (text) => {
    if (!text) return;
    if (endedWithCr && text.startsWith("\n")) text = text.slice(1);
    endedWithCr = text.endsWith("\r");
    const lines = (rest + text).split(/\r\n|\n|\r/);
    rest = lines.pop() as string;
    lines.forEach(line);
  };
}
