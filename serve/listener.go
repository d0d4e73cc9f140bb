// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"io"
	"net"
	"sync"
	"time"
)

// listener accepts as many connections as the service may have, and tells others that it has too many. In the
// system's queue, where a limit that waits would leave them, they would learn nothing.
type listener struct {
	net.Listener
	server *Server
}

// connection gives its place back when it is closed.
type connection struct {
	net.Conn
	release func()
}

// Close closes the connection.
func (c *connection) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// Accept returns the next connection that has a place.
func (l *listener) Accept() (net.Conn, error) {
	places := l.server.connections
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if places.take(1) {
			return &connection{c, sync.OnceFunc(func() { places.give(1) })}, nil
		}
		l.server.metrics.refused.Inc()
		go l.server.refuse(c)
	}
}

// refusalTime is how long a connection that is refused may take to ask, and to read the answer.
const refusalTime = time.Second

// refusal is the answer to a connection beyond the limit.
const refusal = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n" +
	"Content-Type: application/json\r\nContent-Length: 42\r\n\r\n" + `{"error":"there are too many connections"}`

// refuse says that there are too many connections. It waits for a request first, since clients do not read an answer to
// none. It reads on after it, since a close with bytes unread would take the answer back.
func (s *Server) refuse(c net.Conn) {
	defer c.Close()
	tcp, ok := c.(*net.TCPConn)
	if !ok || s.o.Cert != "" || !s.refusals.take(1) {
		return
	}
	defer s.refusals.give(1)
	_ = tcp.SetDeadline(time.Now().Add(refusalTime))
	_, _ = tcp.Read(make([]byte, 1<<10))
	_ = tcp.SetDeadline(time.Now().Add(refusalTime))
	if _, err := io.WriteString(tcp, refusal); err == nil && tcp.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, tcp, readChunk)
	}
}
