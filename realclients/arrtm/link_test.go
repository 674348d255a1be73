package arrtm_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/chappe-im/chappe/internal/testserver"
)

// A link is the way of one client to its server. It breaks when the test wants it to.
type link struct {
	server   string // its address
	listener net.Listener
	done     sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{} // both ends of each; nil once the link is closed; guarded by mu
}

func newLink(t *testing.T, server *testserver.Server) *link {
	t.Helper()
	address, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	l := &link{server: address.Host, conns: make(map[net.Conn]struct{})}
	if l.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	l.done.Go(l.accept)
	t.Cleanup(func() {
		_ = l.listener.Close()
		l.cut(true)
		l.done.Wait()
	})
	return l
}

func (l *link) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.done.Go(func() { l.join(client) })
	}
}

// join lets a client speak with the server until one of them ends it.
func (l *link) join(client net.Conn) {
	defer l.drop(client)
	if !l.keep(client) {
		return
	}
	server, err := net.Dial("tcp", l.server)
	if err != nil {
		return // it is down: the client is told so
	}
	defer l.drop(server)
	if !l.keep(server) {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { pass(client, server) })
	pass(server, client)
	back.Wait()
}

// pass passes on all that comes, and its end.
func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.(*net.TCPConn).CloseWrite()
}

func (l *link) keep(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns == nil {
		return false
	}
	l.conns[conn] = struct{}{}
	return true
}

func (l *link) drop(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, conn)
	_ = conn.Close()
}

// cut breaks every connection there is, as a router does that is switched off and on;
// with forever, there will be no other.
func (l *link) cut(forever bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.conns {
		_ = conn.(*net.TCPConn).SetLinger(0) // a reset instead of an orderly end
		_ = conn.Close()
	}
	if forever {
		l.conns = nil
	}
}
