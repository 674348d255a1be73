package webhooks

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/todevice"
)

// Store is what waits for webhooks. They go by the IDs that Hook.Stored gives.
type Store interface {
	// WebhookEvents gives the first events that wait, at most so many.
	WebhookEvents(ctx context.Context, hook string, limit int) ([]todevice.RTMWebhookEvent, error)
	// WebhookState tells of the failures since the last success.
	WebhookState(ctx context.Context, hook string) (todevice.RTMWebhookState, error)
	// WebhookDelivered removes an event, and forgets the failures.
	WebhookDelivered(ctx context.Context, hook string, number int64) error
	// WebhookFailed remembers failures.
	WebhookFailed(ctx context.Context, hook string, failures int, retryAt time.Time) error
	// GiveUpWebhookEvent moves an event to the dead letters.
	GiveUpWebhookEvent(ctx context.Context, hook string, number int64, reason string) error
}

// Config is what the deliverer must know.
type Config struct {
	Hooks []Hook
	// AllowPrivateAddresses admits loopback and private networks as receivers.
	AllowPrivateAddresses bool
	// Now tells the time of day, time.Now if it is nil.
	Now func() time.Time
	// Chance gives numbers from 0 to 1 for the back-off, random ones if it is nil.
	Chance func() float64
}

// readEvents is how many events are read at once.
const readEvents = 100

// recordTimeout bounds what is written of an attempt, also where ctx has ended meanwhile.
const recordTimeout = 10 * time.Second

// A Deliverer sends what waits for webhooks.
type Deliverer struct {
	hooks     []*hook
	store     Store
	transport *http.Transport
	now       func() time.Time
	chance    func() float64
	log       *logrus.Entry
	metrics   metrics
}

// A hook is one webhook while the program runs.
type hook struct {
	id, app, url string
	key          []byte
	// woken has a value if events may have come since it was last taken.
	woken chan struct{}
	// failures counts those since the last success. Only the goroutine of the hook uses it.
	failures int
}

// New makes a deliverer. It sends nothing before Run. It fails where a secret is none, see
// Key.
func New(cfg Config, store Store, log *logrus.Entry, registry prometheus.Registerer) (*Deliverer, error) {
	d := &Deliverer{
		store: store, transport: newTransport(cfg.AllowPrivateAddresses), now: cfg.Now, chance: cfg.Chance,
		log: log, metrics: newMetrics(registry),
	}
	if d.now == nil {
		d.now = time.Now
	}
	if d.chance == nil {
		d.chance = rand.Float64
	}
	for _, h := range cfg.Hooks {
		key, err := Key(h.Secret)
		if err != nil {
			return nil, fmt.Errorf("the secret of a webhook: %w", err)
		}
		stored := h.Stored()
		d.hooks = append(d.hooks, &hook{id: stored.ID, app: h.App, url: h.URL, key: key, woken: make(chan struct{}, 1)})
	}
	return d, nil
}

// Wake says that events of the apps have been recorded.
func (d *Deliverer) Wake(apps []string) {
	for _, h := range d.hooks {
		if slices.Contains(apps, h.app) {
			select {
			case h.woken <- struct{}{}:
			default: // it has not looked yet
			}
		}
	}
}

// Run sends what waits, and what comes, until ctx ends. Each webhook has a goroutine, so
// that none waits for another.
func (d *Deliverer) Run(ctx context.Context) error {
	defer d.transport.CloseIdleConnections()
	var running sync.WaitGroup
	for _, h := range d.hooks {
		running.Go(func() { d.run(ctx, h) })
	}
	running.Wait()
	return nil
}

func (d *Deliverer) run(ctx context.Context, h *hook) {
	for wait := d.resume(ctx, h); rest(ctx, wait); {
		more, err := d.deliver(ctx, h)
		switch wait = 0; {
		case ctx.Err() != nil:
			return
		case err != nil:
			wait = d.failed(ctx, h, err)
		case !more:
			select {
			case <-h.woken:
			case <-ctx.Done():
				return
			}
		}
	}
}

// resume gives the rest of the back-off that a webhook was in when the program ended.
func (d *Deliverer) resume(ctx context.Context, h *hook) time.Duration {
	state, err := d.store.WebhookState(ctx, h.id)
	if err != nil && ctx.Err() == nil {
		d.logOf(h).WithError(err).Error("the back-off of a webhook is not known")
	}
	if h.failures = state.Failures; h.failures == 0 {
		return 0
	}
	return min(state.RetryAt.Sub(d.now()), maxBackoff) // the clock may have been moved
}

// deliver sends the first events that wait, and tells whether there were any. It ends with
// the first that is not taken.
func (d *Deliverer) deliver(ctx context.Context, h *hook) (any bool, err error) {
	events, err := d.store.WebhookEvents(ctx, h.id, readEvents)
	for _, e := range events {
		if err := d.deliverOne(ctx, h, e); err != nil {
			return true, err
		}
	}
	return len(events) > 0, err
}

func (d *Deliverer) deliverOne(ctx context.Context, h *hook, e todevice.RTMWebhookEvent) error {
	err := d.post(ctx, h, e)
	record, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	var refused *refusal
	switch {
	case err == nil:
		d.metrics.attempts.WithLabelValues("delivered").Inc()
		err = d.store.WebhookDelivered(record, h.id, e.Number)
	case errors.As(err, &refused) && refused.status == http.StatusGone:
		d.metrics.attempts.WithLabelValues("gone").Inc()
		d.logOf(h).WithField("event", e.ID).Warn("a webhook is gone; the event is kept as a dead letter")
		return d.store.GiveUpWebhookEvent(record, h.id, e.Number, refused.Error())
	default:
		return err
	}
	if err == nil {
		h.failures = 0
	}
	return err
}

// failed counts a failure, remembers it beyond a restart, and gives the time to wait.
func (d *Deliverer) failed(ctx context.Context, h *hook, why error) time.Duration {
	h.failures++
	wait := backoff(h.failures, why, d.chance())
	d.metrics.attempts.WithLabelValues("failed").Inc()
	d.logOf(h).WithError(why).WithFields(logrus.Fields{
		"failures": h.failures, "retry_in": wait.Round(time.Millisecond).String(),
	}).Info("a webhook was not told")
	record, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err := d.store.WebhookFailed(record, h.id, h.failures, d.now().Add(wait)); err != nil {
		d.logOf(h).WithError(err).Error("the back-off of a webhook was not remembered")
	}
	return wait
}

// logOf names a webhook by its app and ID: its URL may hold a secret.
func (d *Deliverer) logOf(h *hook) *logrus.Entry {
	return d.log.WithFields(logrus.Fields{"app_id": h.app, "webhook": h.id})
}

// rest waits, and tells whether ctx goes on.
func rest(ctx context.Context, wait time.Duration) bool {
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
