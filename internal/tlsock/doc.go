// Package tlsock runs crypto/tls above a socket that nobody waits for: a descriptor that has left the runtime's poller, is read
// when its owner wants to, and never blocks. It is to a TLS connection what internal/sock is to a plain one.
//
// A connection begins as any other: below TLS stands a Transport, made by a Listener or by Wrap, which passes everything on to
// its *net.TCPConn, so that handshake, HTTP and deadlines are as always. Take then takes the descriptor out, and what is left is a
// Conn with the calls of a tick-driven loop. The server's workers and the load test's bots call it; a Conn has one owner, nothing
// here locks.
//
//	go server.ServeTLS(tlsock.Listener(ln), "", "")
//	c, err := tlsock.Take(conn.(*tls.Conn)) // after Hijack
//	err = ep.Add(c.FD(), sock.In, id)
//	n, err := c.Recv(buf)                   // io.EOF, sock.ErrWouldBlock
//	again := c.More()                       // no descriptor reports what TLS holds
//
// Two rules make it work. A socket without data answers crypto/tls with an error that is temporary: of all errors of Read only
// those leave the connection as it is, in the middle of a record too. And Write never answers so, since crypto/tls gives up after
// any error of Write: it takes everything, sends what fits and keeps the rest, which the owner's next call tries again.
//
// What a peer can make it hold: one record that is not complete (16 KiB, and what the buffer of crypto/tls grows by), 20 KiB that
// bring no data, eight answers, and the rest of one message of the owner's.
package tlsock

import "errors"

// ErrTransport is answered by Take for a connection that does not stand above a Transport, or has not finished its handshake.
var ErrTransport = errors.New("not a TLS connection above a transport of this package")

var (
	// errSilent is the end of a peer that sends and sends and never says anything: a handshake message in pieces, for one.
	errSilent = errors.New("tls: too much that is no data")
	// errAnswers is the end of a peer that makes us answer: it asks for new keys, again and again.
	errAnswers = errors.New("tls: too many messages that want an answer")
)

// A dryError is what crypto/tls is told when the socket has nothing.
type dryError struct{}

// errDry is all there is of its type; it comes out of crypto/tls as it went in.
var errDry error = dryError{}

// Error implements error.
func (dryError) Error() string { return "socket would block" }

// Timeout implements net.Error.
func (dryError) Timeout() bool { return true }

// Temporary makes crypto/tls go on at the next Read.
func (dryError) Temporary() bool { return true }
