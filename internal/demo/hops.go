package demo

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// hops prints what happens on the way of one message, with the time since it set
// out. The servers' own access logs say when they answered what.
type hops struct {
	mu    sync.Mutex
	out   io.Writer // guarded by mu
	begun time.Time // guarded by mu
}

func newHops(out io.Writer) *hops { return &hops{out: out} }

// begin starts the clock of a new message.
func (h *hops) begin(title string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fmt.Fprintf(h.out, "\n%s\n", title)
	h.begun = time.Now()
}

func (h *hops) print(at time.Time, what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fmt.Fprintf(h.out, "  %8.2f ms  %s\n", float64(at.Sub(h.begun).Microseconds())/1000, what)
}

func (h *hops) arrived(user string, e event) {
	h.print(time.Now(), fmt.Sprintf("%s's device has it: %s from %s: %s", user, e.Type, e.Sender, e.Content))
}

// A logHook sees the access log of one server.
type logHook struct {
	server string
	hops   *hops
}

// Levels implements logrus.Hook: the access log is written at debug level.
func (l *logHook) Levels() []logrus.Level { return []logrus.Level{logrus.DebugLevel} }

// Fire implements logrus.Hook.
func (l *logHook) Fire(line *logrus.Entry) error {
	method, _ := line.Data["method"].(string)
	path, _ := line.Data["path"].(string)
	if isHop(method, path) {
		l.hops.print(line.Time, fmt.Sprintf("%s has it on disk and answers %v to %s %s", l.server, line.Data["status"], method, path))
	}
	return nil
}
