package sessions

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/rtmcompat/rtmtoken"
)

// maxGatewayBody is the greatest length of a request to the gateway in bytes.
const maxGatewayBody = 64 << 10

// The codes of the gateway's answers, as the SDK reads them.
const (
	codeFine         = 0
	codeInvalid      = 3
	codeUnknownApp   = 4
	codeBadToken     = 5
	codeExpiredToken = 6
)

// browsers lets programs in browsers ask, from pages of any origin: no cookies are
// involved. The SDK sends JSON as text/plain, so that nothing is asked before.
func browsers(next func(w http.ResponseWriter, r *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		if r.Method == http.MethodOptions {
			w.Header().Set("Access-Control-Allow-Methods", "POST, OPTIONS")
			w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next(w, r)
	})
}

// readJSON reads what the SDK posts, whatever it says the type is.
func readJSON(r *http.Request, into any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxGatewayBody+1))
	if err != nil {
		return err
	}
	if len(body) > maxGatewayBody {
		return errors.New("the body is too long")
	}
	return json.Unmarshal(body, into)
}

// writeJSON answers 200: the SDK takes any other status for a fault that passes, and one
// of its callers ends its program at it.
func writeJSON(w http.ResponseWriter, answer any) {
	body, _ := json.Marshal(answer) // of strings and numbers
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

// An address is where a client may open its WebSocket.
type address struct {
	Type int    `json:"type"`
	Addr string `json:"addr"`
	Port int    `json:"port"`
}

// gateway answers POST /arapi/v1?action=wrtm_gateway: whether a client may log in, and
// where. Only here can a login be refused so that the SDK knows why.
func (s *Server) gateway() http.Handler {
	return browsers(func(w http.ResponseWriter, r *http.Request) {
		if action := r.URL.Query().Get("action"); action != "wrtm_gateway" {
			http.NotFound(w, r)
			return
		}
		var asked struct {
			AppID string `json:"appid"`
			UID   string `json:"uid"`
			Token string `json:"token"`
			WSS   bool   `json:"wss"`
		}
		if err := readJSON(r, &asked); err != nil {
			s.refuseLogin(w, codeInvalid, "invalid")
			return
		}
		code, outcome := s.admit(asked.AppID, asked.UID, asked.Token)
		if code != codeFine {
			s.refuseLogin(w, code, outcome)
			return
		}
		s.metrics.logins.WithLabelValues("accepted").Inc()
		writeJSON(w, map[string]any{
			"code": codeFine, "sessionid": rand.Text(),
			"addresses": []address{s.addressFor(r, asked.WSS)},
		})
	})
}

func (s *Server) refuseLogin(w http.ResponseWriter, code int, outcome string) {
	s.metrics.logins.WithLabelValues(outcome).Inc()
	writeJSON(w, map[string]any{"code": code})
}

// admit tells whether a user may log in, as a code for the SDK and a word for the metric.
func (s *Server) admit(appID, uid, token string) (code int, outcome string) {
	app, ok := s.door.App(appID)
	if !ok {
		return codeUnknownApp, "unknown_app"
	}
	if _, err := s.identify(app, uid); err != nil {
		return codeInvalid, "invalid"
	}
	switch _, err := s.checkToken(app, uid, token); {
	case errors.Is(err, rtmtoken.Expired):
		return codeExpiredToken, "expired_token"
	case err != nil:
		s.log.WithError(err).Debug("a login was refused")
		return codeBadToken, "bad_token"
	}
	return codeFine, "accepted"
}

// checkToken gives the time until which a user may log in with a token. An app without
// certificate has no tokens, and lets everyone in.
//
// A client that has renewed its token shows the first one again when it comes back. So one
// that is over is good for as long as the session stands and the renewed one lasts.
func (s *Server) checkToken(app rtmcompat.App, uid, token string) (until time.Time, err error) {
	if app.Certificate == "" {
		return time.Time{}, nil
	}
	until, err = app.CheckToken(token, uid, time.Now())
	if !errors.Is(err, rtmtoken.Expired) {
		return until, err
	}
	if user, userErr := s.door.User(app, uid); userErr == nil {
		if standing := s.session(user); standing != nil && standing.renewedPast(time.Now()) {
			return standing.tokenEnd(), nil
		}
	}
	return until, err
}

// addressFor is where a client is to open its WebSocket: where it has found the gateway,
// unless the configuration says otherwise.
func (s *Server) addressFor(r *http.Request, secure bool) address {
	where := s.address
	if where == "" {
		where = r.Host
	}
	host, port, err := net.SplitHostPort(where)
	if err != nil {
		host, port = where, "80"
		if secure {
			port = "443"
		}
	}
	number, _ := strconv.Atoi(port)
	return address{Addr: host, Port: number}
}
