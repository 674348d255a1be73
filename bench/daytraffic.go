package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/chappe-im/chappe/relay"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

const (
	// dayStep is what the clock of a day goes on at once: as often as the server writes
	// down which devices were there.
	dayStep = 5 * time.Minute
	// stepsInAnHour is how many of them there are between two sweeps.
	stepsInAnHour = int(time.Hour / dayStep)
	// arriveWithin is how long, in real time, a message may take to its device.
	arriveWithin = time.Minute
)

// A day is a store and a relay that are used for hours of a clock that is moved on by
// hand, as fast as they can.
type day struct {
	path     string
	store    *sqlite.Store
	notifier *relay.Notifier
	relay    *relay.Relay
	clock    atomic.Int64 // Unix milliseconds
	perStep  float64      // messages
	devices  []*dayDevice
	begun    time.Time
	messages int64       // accepted and received
	sweeping atomic.Bool // while the store is swept
}

// A dayDevice sends to the next one, and receives from the one before.
type dayDevice struct {
	todevice.Device
	codec  codec
	sent   int64
	taken  int64             // messages received
	upTo   todevice.Position // of the last one
	ledger *ledger
	// calm and sweeping are the times of its sends, by whether the store was being swept.
	calm, sweeping sendTimes
}

// sendTimes are how long sends took.
type sendTimes struct {
	Sends   int64
	Longest time.Duration
	Over    int64 // how many took longer than maxStall
}

func (t *sendTimes) note(took time.Duration) {
	t.Sends++
	t.Longest = max(t.Longest, took)
	if took > maxStall {
		t.Over++
	}
}

func (t sendTimes) plus(other sendTimes) sendTimes {
	return sendTimes{t.Sends + other.Sends, max(t.Longest, other.Longest), t.Over + other.Over}
}

// noServers is a server that knows no other.
type noServers struct{}

func (noServers) Wake([]spec.ServerName)                   {}
func (noServers) Admit(context.Context, []spec.ServerName) {}

// newDay makes a database with so many devices, for so many messages a second.
func newDay(ctx context.Context, path string, devices int, rate float64, size int) (_ *day, err error) {
	d := &day{path: path, notifier: relay.NewNotifier(), perStep: rate * dayStep.Seconds(), begun: time.Now()}
	d.clock.Store(time.Now().UnixMilli())
	d.store, err = sqlite.Open(path, sqlite.Options{
		ServerName: aloneServer, Changed: d.notifier.WakeUsers,
		Now: func() time.Time { return time.UnixMilli(d.clock.Load()) },
	})
	if err != nil {
		return nil, err
	}
	d.relay = relay.New(d.store, aloneServer, todevice.ServerRules{}, d.notifier, noServers{}, prometheus.NewRegistry())
	for i, p := range people("d", devices, aloneServer) {
		device, err := d.store.Register(ctx, todevice.Account{Localpart: p.localpart}, todevice.Login{DeviceID: p.device, Token: p.token()})
		if err != nil {
			return nil, errors.Join(err, d.close())
		}
		d.devices = append(d.devices, &dayDevice{Device: device, codec: newCodec(size), ledger: newLedger((i + devices - 1) % devices)})
	}
	return d, nil
}

func (d *day) close() error { return d.store.Close() }

// run lets so many hours go by, and tells of each.
func (d *day) run(ctx context.Context, hours int, tell func(hour) error) error {
	for n := range hours {
		if err := d.hour(ctx, n); err != nil {
			return err
		}
		h, err := d.look(ctx, n+1)
		if err != nil {
			return err
		}
		if n+1 == hours {
			if h.Verdict, err = d.verdict(ctx); err != nil {
				return err
			}
		}
		if err := tell(h); err != nil {
			return err
		}
	}
	return nil
}

// hour is what the server does in one: it sweeps while messages come, and writes down now
// and then who was there. The sweep ends with the first step, as a step takes minutes on
// the clock of the day.
func (d *day) hour(ctx context.Context, n int) error {
	sweeping, sweepingCtx := errgroup.WithContext(ctx)
	sweeping.Go(func() error { return d.sweep(sweepingCtx) })
	for i := range stepsInAnHour {
		if err := errors.Join(d.step(ctx, n*stepsInAnHour+i), sweeping.Wait(), d.store.KeepSightings(ctx)); err != nil {
			return err
		}
	}
	return nil
}

func (d *day) sweep(ctx context.Context) error {
	d.sweeping.Store(true)
	defer d.sweeping.Store(false)
	now := time.UnixMilli(d.clock.Load())
	if _, err := d.store.Sweep(ctx, now); err != nil {
		return err
	}
	_, err := d.store.ExpireMessages(ctx, now) // there are none of that class
	return err
}

// step moves the clock on and has the messages of that time sent and received.
func (d *day) step(ctx context.Context, n int) error {
	d.clock.Add(dayStep.Milliseconds())
	messages := int(d.perStep*float64(n+1)) - int(d.perStep*float64(n))
	workers, ctx := errgroup.WithContext(ctx)
	for i, sender := range d.devices {
		count := share(messages, i, len(d.devices))
		next, all := d.devices[(i+1)%len(d.devices)], sender.sent+int64(count)
		workers.Go(func() error { return d.send(ctx, i, next.User, count) })
		workers.Go(func() error { return d.receive(ctx, next, all) })
	}
	d.messages += int64(messages)
	return workers.Wait()
}

// send has a device send so many messages, one after the other.
func (d *day) send(ctx context.Context, number int, to todevice.UserID, count int) error {
	from := d.devices[number]
	for range count {
		batch := todevice.Batch{
			Source: todevice.Source{Client: from.Inbox, Request: "send/" + messageType + "/" + strconv.FormatInt(from.sent, 10)},
			Sends: []todevice.Send{{Sender: from.User, Type: messageType, Messages: []todevice.Message{{
				To: to, Device: deviceID, Content: from.codec.append(nil, message{from: number, seq: from.sent}),
			}}}},
		}
		sweeping, begin := d.sweeping.Load(), time.Now()
		if _, err := d.relay.Send(ctx, batch); err != nil {
			return err
		}
		if took := time.Since(begin); sweeping {
			from.sweeping.note(took)
		} else {
			from.calm.note(took)
		}
		from.sent++
	}
	return nil
}

// receive has a device sync until it has had so many messages in all.
func (d *day) receive(ctx context.Context, device *dayDevice, want int64) error {
	for device.taken < want {
		found, err := d.sync(ctx, device)
		if err != nil || !found {
			return err
		}
	}
	return nil
}

// sync does what a /sync does: it confirms what came before, and waits for what is next.
// It tells whether anything came in time; what did not is lost.
func (d *day) sync(ctx context.Context, device *dayDevice) (found bool, err error) {
	d.notifier.Saw(device.Device)
	d.store.NoteSeen(device.Inbox, "127.0.0.1")
	if err := d.confirm(ctx, device); err != nil {
		return false, err
	}
	woken, leave := d.notifier.Wait(device.Device)
	defer leave()
	timer := time.NewTimer(arriveWithin)
	defer timer.Stop()
	for {
		events, err := d.take(ctx, device)
		if err != nil || events > 0 {
			return true, err
		}
		select {
		case <-woken:
		case <-timer.C:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

func (d *day) confirm(ctx context.Context, device *dayDevice) error {
	confirmed, err := d.store.Confirm(ctx, device.Inbox, device.upTo)
	if confirmed > 0 {
		d.notifier.Confirmed(device.Inbox, device.upTo)
	}
	return err
}

// take enters what waits behind the last message.
func (d *day) take(ctx context.Context, device *dayDevice) (events int, err error) {
	found, _, err := d.store.Pending(ctx, device.Inbox, device.upTo)
	for _, event := range found {
		device.upTo = event.Position
		err := device.codec.each(event.JSON, func(m message) {
			device.taken++
			device.ledger.note(m)
		})
		if err != nil {
			return 0, fmt.Errorf("check what arrived: %w", err)
		}
	}
	return len(found), err
}

// verdict has all devices take and confirm what is still there, and tells what was wrong
// since the beginning.
func (d *day) verdict(ctx context.Context) (sum verdict, err error) {
	for i, device := range d.devices {
		for events := 1; events > 0; {
			if events, err = d.take(ctx, device); err != nil {
				return sum, err
			}
		}
		if err := d.confirm(ctx, device); err != nil {
			return sum, err
		}
		before := d.devices[(i+len(d.devices)-1)%len(d.devices)]
		sum = sum.plus(device.ledger.close(func(int) int64 { return before.sent }))
	}
	return sum, nil
}
