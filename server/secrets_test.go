package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/internal/faultdb"
	"github.com/chappe-im/chappe/rtmcompat/rtmtoken"
)

// secret is part of every password, token, key and content in the table of endpoints.
const secret = "s3cr3t"

// logs keep what a server logs at the level debug, in both formats there are.
type logs struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (l *logs) entry() *logrus.Entry {
	log := logrus.New()
	log.SetOutput(io.Discard)
	log.SetLevel(logrus.DebugLevel)
	log.AddHook(l)
	return logrus.NewEntry(log)
}

// Levels implements logrus.Hook.
func (l *logs) Levels() []logrus.Level { return logrus.AllLevels }

// Fire implements logrus.Hook.
func (l *logs) Fire(entry *logrus.Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, format := range []logrus.Formatter{&logrus.TextFormatter{FullTimestamp: true}, &logrus.JSONFormatter{}} {
		line, err := format.Format(entry)
		if err != nil {
			return err
		}
		l.text.Write(line)
	}
	return nil
}

// take gives what was logged since it was last called.
func (l *logs) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

// Every endpoint is called with secrets wherever there can be any: as it should be,
// with bodies that are not, and while the disk fails at each write it makes. None of
// them, and none that the server has given out, is in the log or in the metrics.
func TestNothingSecretIsLoggedOrCounted(t *testing.T) {
	driver := faultdb.Register()
	w := newWhole(t, driver.Name)
	w.each(func(c *calls) {
		c.first()
		c.leak()
		c.txn++ // what was done is not done again
		for k := 1; ; k++ {
			driver.FailAt(k)
			a := c.do(c.good())
			failed := driver.Failed()
			driver.FailAt(0)
			if !failed {
				break
			}
			if a.status != http.StatusInternalServerError {
				c.t.Errorf("write %d failed, and the answer is %d %s", k, a.status, a.raw)
			}
		}
		log := w.logs.take()
		if !strings.Contains(log, c.e.method) {
			c.t.Errorf("the requests are not in the log:\n%s", log)
		}
		for _, secret := range append(w.given, secret) {
			if strings.Contains(log, secret) {
				c.t.Errorf("the log has %q:\n%s", secret, log)
			}
		}
	})
	recorder := httptest.NewRecorder()
	w.handler("metrics").ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if metrics := recorder.Body.String(); recorder.Code != http.StatusOK || len(metrics) < 1000 || strings.Contains(metrics, secret) {
		t.Errorf("the metrics are %d %s", recorder.Code, metrics)
	}
	if len(w.given) < 5 {
		t.Errorf("the server has given out only %q", w.given)
	}
}

// leak makes requests that are wrong, each with secrets.
func (c *calls) leak() {
	q := c.good()
	q.header = http.Header{"Authorization": {"Bearer " + secret, "X-Matrix " + secret, "Basic " + secret, secret}}
	q.query = "access_token=" + secret
	c.do(q)
	if c.row.kind == rtm {
		c.leakTokens()
	}
	if c.row.body == "" {
		return
	}
	body := c.fill(c.row.body)
	c.do(c.bodied(body[:len(body)-1]))
	c.do(c.bodied(secret))
	for _, bodies := range misshapen(body) {
		for _, body := range bodies {
			c.do(c.bodied(body))
		}
	}
}

// leakTokens makes requests of RTM with tokens that are good, that are another user's,
// and that are none.
func (c *calls) leakTokens() {
	app := rtmtoken.App{ID: c.w.cfg.RTM.Apps[0].ID, Certificate: c.w.cfg.RTM.Apps[0].Certificate}
	good := http.StatusOK
	if c.row.keyOnly {
		good = http.StatusUnauthorized
	}
	for uid, want := range map[string]int{c.user: good, "bob": http.StatusUnauthorized} {
		token, err := rtmtoken.Build(rtmtoken.V006, app, uid, time.Now(), time.Hour)
		if err != nil {
			c.t.Fatal(err)
		}
		c.w.given = append(c.w.given, token)
		q := c.good()
		q.header = http.Header{"X-Ar-Token": {token}, "X-Ar-Uid": {uid}}
		if a := c.do(q); a.status != want && a.outcome(rtm) != c.row.good {
			c.t.Errorf("with a token of %s: %d %s", uid, a.status, a.raw)
		}
		q.header = http.Header{"X-Ar-Token": {token, secret}, "X-Agora-Uid": {secret}}
		c.do(q)
	}
	for _, header := range []http.Header{
		{"X-Ar-Token": {secret}, "X-Ar-Uid": {c.user}},
		{"X-Agora-Token": {"007" + secret}, "X-Agora-Uid": {secret}},
		{"Authorization": {"agora token=" + secret}},
	} {
		q := c.good()
		q.header = header
		c.do(q)
	}
}

// secrets gives the tokens in an answer.
func (a answer) secrets() (list []string) {
	for name, value := range a.body {
		text, _ := value.(string)
		if strings.HasSuffix(name, "token") || name == "nonce" || name == "session" {
			list = append(list, text)
		}
	}
	return list
}
