package remote

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

// The limits of the tests, and what a case may take: far more than the limit, and far
// less than if there were none.
const (
	shortLimit = 200 * time.Millisecond
	patience   = 10 * time.Second
)

func short() limits {
	return limits{request: 2 * shortLimit, connect: shortLimit, dial: shortLimit, wellKnown: shortLimit, headers: 4 << 10}
}

// A misdeed is what a server does with a connection, instead of answering as it
// should, until it is closed or its time is over.
type misdeed struct {
	name string
	// raw is done before TLS, or else secure after it and a request.
	raw, secure func(net.Conn)
}

func misdeeds() []misdeed {
	const ok = "HTTP/1.1 200 OK\r\n"
	return []misdeed{
		{name: "says nothing", raw: func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }},
		{name: "hangs up", raw: func(net.Conn) {}},
		{name: "speaks no TLS", raw: func(c net.Conn) { _, _ = io.WriteString(c, ok+"\r\n") }},
		{name: "begins a handshake that never ends", raw: func(c net.Conn) { forever(c, "\x16\x03\x03\x3f\xff", "\x02") }},
		{name: "answers nothing", secure: func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }},
		{name: "closes without an answer", secure: func(net.Conn) {}},
		{name: "answers nonsense", secure: func(c net.Conn) { forever(c, "", "nonsense\n") }},
		{name: "a status line that never ends", secure: func(c net.Conn) { forever(c, "HTTP/1.1 200 ", "O") }},
		{name: "headers that never end", secure: func(c net.Conn) { forever(c, ok, "X: y\r\n") }},
		{name: "headers byte by byte", secure: func(c net.Conn) { slowly(c, ok+"X: ", "y") }},
		{name: "huge headers", secure: func(c net.Conn) {
			_, _ = io.WriteString(c, ok+"Content-Length: 2\r\nX: "+strings.Repeat("y", 1<<20)+"\r\n\r\n{}")
		}},
		{name: "more to come, for ever", secure: func(c net.Conn) { forever(c, "", "HTTP/1.1 103 Early Hints\r\n\r\n") }},
		{name: "a body that never ends", secure: func(c net.Conn) { forever(c, ok+"\r\n", strings.Repeat("x", 1<<10)) }},
		{name: "a body byte by byte", secure: func(c net.Conn) { slowly(c, ok+"Content-Length: 1000000\r\n\r\n", "x") }},
		{name: "a body that is cut off", secure: func(c net.Conn) { _, _ = io.WriteString(c, ok+"Content-Length: 100\r\n\r\nx") }},
		{name: "chunks that never end", secure: func(c net.Conn) { forever(c, ok+"Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n") }},
		{name: "trailers that never end", secure: func(c net.Conn) { forever(c, ok+"Transfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n") }},
		{name: "little that unpacks to much", secure: func(c net.Conn) {
			var packed bytes.Buffer
			w := gzip.NewWriter(&packed)
			_, _ = w.Write(make([]byte, 32<<20))
			_ = w.Close()
			_, _ = fmt.Fprintf(c, ok+"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", packed.Len(), packed.Bytes())
		}},
	}
}

func forever(c net.Conn, first, again string) {
	_, err := io.WriteString(c, first)
	for err == nil {
		_, err = io.WriteString(c, again)
	}
}

func slowly(c net.Conn, first, again string) {
	_, err := io.WriteString(c, first)
	for err == nil {
		time.Sleep(time.Millisecond)
		_, err = io.WriteString(c, again)
	}
}

// misbehave has a server do it at an address of the lab. It is over when the test
// is.
func (l *lab) misbehave(address, name string, does misdeed) {
	l.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = listener.Close() })
	l.open(address, listener.Addr().String())
	config := &tls.Config{Certificates: []tls.Certificate{l.certificate(name)}}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				if does.raw != nil {
					does.raw(conn)
					return
				}
				secure := tls.Server(conn, config)
				if _, err := secure.Read(make([]byte, 4<<10)); err == nil {
					does.secure(secure)
				}
			}()
		}
	}()
}

// withoutLeak runs something that has to come to its end, and leave no goroutine.
func withoutLeak(t *testing.T, do func()) {
	t.Helper()
	before := runtime.NumGoroutine()
	done := make(chan struct{})
	began := time.Now()
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("not at its end after %v", patience)
	}
	for runtime.NumGoroutine() > before {
		if time.Since(began) > 2*patience {
			stacks := make([]byte, 64<<10)
			t.Fatalf("%d goroutines are left of %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestNoAnswerTakesMoreThanItsTimeAndSize(t *testing.T) {
	for _, does := range misdeeds() {
		t.Run(does.name, func(t *testing.T) {
			l := newLab(t)
			l.misbehave("a.test:8448", "a.test", does)
			client := l.client(short())
			withoutLeak(t, func() {
				if keys, err := client.ServerKeys(context.Background(), "a.test"); err == nil {
					t.Errorf("%d bytes were taken for an answer", len(keys))
				}
				client.Close()
			})
		})
	}
}

func TestNoWellKnownFileTakesMoreThanItsTimeAndSize(t *testing.T) {
	for _, does := range misdeeds() {
		t.Run(does.name, func(t *testing.T) {
			l := newLab(t)
			l.misbehave("a.test:443", "a.test", does)
			client := l.client(short())
			withoutLeak(t, func() {
				if to, _, err := client.resolver.delegate(context.Background(), "a.test"); err == nil {
					t.Errorf("taken for a delegation to %q", to)
				}
			})
		})
	}
}

func TestSilentDNSDelaysNoLongerThanARequestMayTake(t *testing.T) {
	l := newLab(t)
	l.dns.silence()
	client := l.client(short())
	client.network.dial = client.dial
	for _, server := range []spec.ServerName{"a.test:8448", "a.test"} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := client.SendTransaction(ctx, server, "t", []byte(`{}`)); err == nil || ctx.Err() != nil {
			t.Errorf("%s: %v, and then %v", server, err, ctx.Err())
		}
		cancel()
	}
}

func TestRequestEndsWithItsContext(t *testing.T) {
	l := newLab(t)
	l.misbehave("a.test:8448", "a.test", misdeeds()[4])
	client := l.client(usual())
	ctx, cancel := context.WithCancel(context.Background())
	withoutLeak(t, func() {
		time.AfterFunc(shortLimit, cancel)
		if _, err := client.ServerKeys(ctx, "a.test"); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		client.Close()
	})
}

func TestTargetThatHangsDoesNotHideTheNext(t *testing.T) {
	l := newLab(t)
	l.dns.service("_matrix-fed._tcp.a.test",
		&net.SRV{Target: "one.test.", Port: 1, Priority: 1}, &net.SRV{Target: "two.test.", Port: 2, Priority: 2})
	l.misbehave("one.test:1", "a.test", misdeeds()[0]) // takes the connection, says nothing
	asked := 0
	l.serve("two.test:2", "a.test", func(w http.ResponseWriter, r *http.Request) { asked++; _, _ = w.Write([]byte(`{}`)) })
	limits := short()
	limits.request = 10 * limits.connect // time for both
	if err := l.client(limits).SendTransaction(context.Background(), "a.test", "t", []byte(`{}`)); err != nil || asked != 1 {
		t.Errorf("the second target, which is well, was asked %d times (%v)", asked, err)
	}
}
