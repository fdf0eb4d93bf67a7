// Makes a server that binds every address bind 127.0.0.1 only: node -r loopback.cjs SERVER.
const { Server } = require('node:net');

const listen = Server.prototype.listen;
Server.prototype.listen = function (port, ...rest) {
  const host = typeof rest[0] === 'string' ? rest.shift() : undefined;
  if (typeof port !== 'number' && typeof port !== 'string') return listen.call(this, port, ...rest);
  return listen.call(this, Number(port), host ?? '127.0.0.1', ...rest);
};
