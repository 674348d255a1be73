package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/internal/httpapi"
)

const (
	// readTimeout is longer than the longest long poll: Go counts the wait for a
	// client's hang-up as reading.
	readTimeout   = 6 * time.Minute
	headerTimeout = 20 * time.Second
	idleTimeout   = 3 * time.Minute
	// stopTimeout is how long requests under way may take when the server stops.
	stopTimeout = 10 * time.Second
)

// A listener is one bound address and what answers there.
type listener struct {
	name     string
	listener net.Listener
	tls      bool
	http     *http.Server
	log      *logrus.Entry
}

// listen binds an address for plain HTTP.
func (s *Server) listen(name, address string, handler http.Handler) error {
	bound, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen for %s: %w", name, err)
	}
	log := s.log.WithField("listener", name)
	s.listeners = append(s.listeners, &listener{name: name, listener: bound, log: log, http: &http.Server{
		Handler:           httpapi.AccessLog(log, httpapi.Recover(log, handler)),
		ReadTimeout:       readTimeout,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          stdlog.New(debugWriter{log}, "", 0),
	}})
	return nil
}

// listenTLS binds an address for HTTPS.
func (s *Server) listenTLS(name, address string, handler http.Handler, certificate tls.Certificate) error {
	if err := s.listen(name, address, handler); err != nil {
		return err
	}
	l := s.listeners[len(s.listeners)-1]
	l.tls = true
	l.http.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	return nil
}

// serve answers until ctx ends. The requests' contexts are its children, so that
// long polls end when the server does.
func (l *listener) serve(ctx context.Context) error {
	l.http.BaseContext = func(net.Listener) context.Context { return ctx }
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err := l.http.Shutdown(patience)
		if errors.Is(err, context.DeadlineExceeded) {
			// What is left is a client that does not read or write on.
			l.log.Warn("some requests did not end in time and were cut off")
			err = l.http.Close()
		}
		stopped <- err
	})
	var err error
	if l.tls {
		err = l.http.ServeTLS(l.listener, "", "")
	} else {
		err = l.http.Serve(l.listener)
	}
	if stop() {
		return fmt.Errorf("serve %s: %w", l.name, err) // it ended by itself
	}
	if err := <-stopped; err != nil {
		return fmt.Errorf("stop serving %s: %w", l.name, err)
	}
	return nil
}

func metricsHandler(registry *prometheus.Registry) http.Handler {
	handler := http.NewServeMux()
	handler.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return handler
}

// debugWriter takes what net/http has to say of broken connections.
type debugWriter struct{ log *logrus.Entry }

func (w debugWriter) Write(line []byte) (int, error) {
	w.log.Debug(string(line))
	return len(line), nil
}
