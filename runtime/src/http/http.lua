-- `concurrent.http`: a server and a client for HTTP/1 (spec/http.md).
local server, client, text = require 'concurrent.http.server', require 'concurrent.http.client', require 'concurrent.http.text'

return {
  serve = server.serve, start = server.start, startlink = server.startlink, stop = server.stop, info = server.info,
  request = client.request, get = client.get, post = client.post, connect = client.connect,
  websocket = client.websocket,
  decode = text.decode, encode = text.encode, parse_query = text.parse_query, make_query = text.make_query, reasons = text.REASONS,
}
