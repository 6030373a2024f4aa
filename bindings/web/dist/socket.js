// src/error.ts
function errorOf(code, message) {
  return Object.assign(new Error(message), { name: "TokencastError", code });
}

// src/socket.ts
var { WebSocket } = globalThis;
function authenticate(socket, session, options) {
  let current;
  const send = () => {
    if (current !== void 0 && socket.readyState === WebSocket.OPEN) socket.send(options.message(current));
  };
  socket.addEventListener("open", send);
  const ends = [
    session.onAccessToken(({ value }) => {
      current = value;
      send();
    }),
    session.onEnded(() => {
      stop();
      socket.close(1e3);
    })
  ];
  function stop() {
    current = void 0;
    socket.removeEventListener("open", send);
    for (const end of ends) end();
  }
  socket.addEventListener("close", stop);
  return stop;
}
function openSocket(session, url, options) {
  let sockets = [];
  const ends = [session.onAccessToken(({ value }) => open(value)), session.onEnded(stop)];
  function open(accessToken) {
    const socket = connect(url, options.protocols(accessToken));
    sockets.push(socket);
    socket.addEventListener("open", () => sockets.slice(0, sockets.indexOf(socket)).forEach((older) => older.close(1e3)));
    socket.addEventListener("close", () => sockets = sockets.filter((other) => other !== socket));
    options.onSocket(socket);
  }
  function stop() {
    for (const end of ends) end();
    for (const socket of sockets) socket.close(1e3);
  }
  return stop;
}
function connect(url, protocols) {
  try {
    return new WebSocket(url, [...protocols]);
  } catch (error) {
    const areNames = protocols.every((protocol) => /^[!#$%&'*+.^_`|~\w-]+$/.test(protocol));
    if (areNames && new Set(protocols).size === protocols.length) throw error;
    throw errorOf("invalid_subprotocol", "openSocket: a subprotocol holds characters that it must not, or stands twice");
  }
}
export {
  authenticate,
  openSocket
};
