// src/socket.ts
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
export {
  authenticate
};
