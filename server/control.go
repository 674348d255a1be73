package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/clientapi"
	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

const (
	// controlFile is the socket in the data folder by which commands reach the server
	// that runs there. Its protocol is plain HTTP with JSON.
	controlFile = "control.sock"
	// maxSocketPath is the length in bytes that every system's sockets can have.
	maxSocketPath  = 103
	controlLimit   = 4 << 10 // bytes of a request or an answer
	controlTimeout = 10 * time.Second

	retryPath = "/federation/retry"
)

// retryRequest is the body of POST /federation/retry.
type retryRequest struct {
	Server spec.ServerName `json:"server"`
}

func controlPath(cfg config.Config) string { return filepath.Join(cfg.DataDir, controlFile) }

// listenControl binds the control socket, for the owner of the process alone. A
// server that cannot have one runs without it. The data folder is locked, so a
// socket that is there is left over.
func (s *Server) listenControl(path string, accounts *clientapi.Server, apps *keptApps) error {
	log := s.log.WithField("listener", "control")
	if len(path) > maxSocketPath {
		log.Warnf("the path of data_dir is too long for a control socket (%d bytes, at most %d): commands cannot tell this server anything",
			len(path), maxSocketPath)
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the old control socket: %w", err)
	}
	bound, err := net.Listen("unix", path)
	if err != nil {
		log.WithError(err).Warn("no control socket can be made here: commands cannot tell this server anything")
		return nil
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("protect the control socket: %w", err), bound.Close())
	}
	handler := http.NewServeMux()
	handler.HandleFunc("POST "+retryPath, controlled(s.retry))
	handler.HandleFunc("POST "+reloadAppsPath, controlled(apps.reload))
	for path, change := range userChanges(accounts) {
		handler.HandleFunc("POST "+path, controlled(change))
	}
	s.listeners = append(s.listeners, &listener{name: "control", listener: bound, log: log, http: &http.Server{
		Handler:           httpapi.AccessLog(log, httpapi.Recover(log, handler)),
		ReadTimeout:       controlTimeout,
		ReadHeaderTimeout: controlTimeout,
		MaxHeaderBytes:    controlLimit,
		ErrorLog:          stdlog.New(debugWriter{log}, "", 0),
	}})
	return nil
}

// retry ends the back-off of a server, and forgets where it was found.
func (s *Server) retry(_ context.Context, request retryRequest) error {
	if !todevice.ValidServerName(request.Server) {
		return errors.New("not a server name")
	}
	s.client.Forget(request.Server)
	s.queue.PeerAlive(request.Server)
	return nil
}

// controlled makes a handler of what a request has done. The one who asks is the
// operator, and is told of an error as it is.
func controlled[Request any](do func(context.Context, Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var request Request
		err := json.NewDecoder(io.LimitReader(r.Body, controlLimit)).Decode(&request)
		if err == nil {
			err = do(r.Context(), request)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{}\n")
	}
}

// tell sends a request to the server that runs on the data folder. It is false
// if there is none that could be told.
func tell(ctx context.Context, cfg config.Config, path string, request any) (told bool, err error) {
	body, err := json.Marshal(request)
	if err != nil {
		return false, err
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", controlPath(cfg))
		},
	}
	client := http.Client{Transport: transport, Timeout: controlTimeout}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://chappe"+path, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	answer, err := client.Do(r)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EINVAL): // EINVAL: the path is too long
		return false, nil
	case err != nil:
		return false, fmt.Errorf("tell the server: %w", err)
	}
	words, err := io.ReadAll(io.LimitReader(answer.Body, controlLimit))
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return false, fmt.Errorf("tell the server: %w", err)
	}
	if answer.StatusCode == http.StatusUnprocessableEntity {
		return false, errors.New(strings.TrimSpace(string(words)))
	}
	if answer.StatusCode != http.StatusOK {
		return false, fmt.Errorf("tell the server: it answered HTTP %d", answer.StatusCode)
	}
	return true, nil
}
