package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sync/errgroup"
)

const (
	rtmPeerScenario    = "rtm-peer"
	rtmLatencyScenario = "rtm-latency"
	// rtmRate is the rate of rtm-latency, messages a second, where -rate does not say
	// another.
	rtmRate = 500
)

// A chatter is RTM users who get peer messages in their sessions, and programs that send
// them by REST. Sender i sends to receiver i modulo their number; its next message
// follows when the last one was answered and has arrived.
type chatter struct {
	swarm   *swarm
	ledgers []*ledger // by receiver; belong to the swarm
	senders []*restSender
	group   *errgroup.Group
	working context.Context
	hangUp  context.CancelFunc
	// measuring tells whether latencies are noted.
	measuring atomic.Bool
}

// A restSender is a program that sends.
type restSender struct {
	rest   *restConn
	path   string
	prefix string // of a body, before the payload
	sent   int64
	want   []byte // the code of its answers
	pace   pace
	// arrived gets, for each message, the time of its arrival.
	arrived chan time.Duration
	// answers and arrivals are sorted when sending has ended.
	answers, arrivals []time.Duration
}

// A chat is what a chatter did while it was measured. The latencies are sorted.
type chat struct {
	tally
	answers, arrivals []time.Duration
	verdict           verdict
}

// rtmPeer measures how many peer messages a second go to users that are online.
func (b *bench) rtmPeer(ctx context.Context) error {
	for _, wait := range []bool{false, true} {
		turns := b.turns(rounds)
		c, err := inTurns(turns, func(turn int) (comparison[chat], error) {
			name := fmt.Sprintf("%s-%v-%d", rtmPeerScenario, wait, turn)
			return bothRTM(ctx, b, name, func(ctx context.Context, p *process) (chat, error) {
				return b.chat(ctx, p, wait, 0, b.measured/time.Duration(turns))
			})
		})
		if err != nil {
			return err
		}
		group := b.reportChat(rtmPeerScenario, wait, c)
		c.add(group, "server CPU per message, ms", chat.cpuPerRequest)
		group.Figures[0].wantShare(hubFloor, 0.5)
	}
	return nil
}

// rtmLatency measures how long peer messages take at a rate that leaves the server time.
func (b *bench) rtmLatency(ctx context.Context) error {
	rate := b.rate
	if rate == 0 {
		rate = rtmRate
	}
	for _, wait := range []bool{false, true} {
		name := fmt.Sprintf("%s-%v", rtmLatencyScenario, wait)
		c, err := bothRTM(ctx, b, name, func(ctx context.Context, p *process) (chat, error) {
			return b.chat(ctx, p, wait, rate, b.measured)
		})
		if err != nil {
			return err
		}
		group := b.reportChat(rtmLatencyScenario, wait, c)
		group.Description += fmt.Sprintf(", paced to %.0f a second in all", rate)
		p99 := milliseconds(percentile(c.chappe.arrivals, 99))
		group.Figures[2].want("< 20", p99 < 20)
	}
	return nil
}

func (b *bench) reportChat(scenario string, wait bool, c comparison[chat]) *group {
	how := map[bool]string{false: "without wait_for_ack", true: "with wait_for_ack"}[wait]
	c.judge(&b.report, scenario+" "+how, func(c chat) verdict { return c.verdict })
	group := b.report.group(scenario, "%d senders by REST, %d sessions, %d-byte payloads, %s", b.senders, b.receivers, b.size, how)
	group.Variant = how
	c.add(group, "messages/s", chat.requestsPerSecond)
	for _, p := range []float64{50, 99} {
		c.add(group, fmt.Sprintf("send to session p%.0f, ms", p), percentileOf(func(c chat) []time.Duration { return c.arrivals }, p))
	}
	for _, p := range []float64{50, 99} {
		c.add(group, fmt.Sprintf("send to answer p%.0f, ms", p), percentileOf(func(c chat) []time.Duration { return c.answers }, p))
	}
	return group
}

// chat measures so many messages a second, 0 for as many as there are answers.
func (b *bench) chat(ctx context.Context, p *process, wait bool, perSecond float64, measured time.Duration) (c chat, err error) {
	t, err := b.newChatter(ctx, p, wait)
	if err != nil {
		return c, err
	}
	if perSecond > 0 {
		t.setPace(perSecond)
	}
	c, err = t.run(ctx, b, p, measured)
	if err == nil {
		err = pause(ctx, time.Second) // what comes twice may come late
	}
	if err = errors.Join(err, t.close()); err != nil {
		return c, err
	}
	c.verdict = t.verdict()
	return c, nil
}

// verdict is that on all messages. The swarm must have ended.
func (t *chatter) verdict() (sum verdict) {
	for _, l := range t.ledgers {
		sum = sum.plus(l.close(func(sender int) int64 { return t.senders[sender].sent }))
	}
	return sum
}

// newChatter connects the senders and logs the receivers in.
func (b *bench) newChatter(ctx context.Context, p *process, wait bool) (*chatter, error) {
	if err := needFiles(b.senders + b.receivers); err != nil {
		return nil, err
	}
	t := new(chatter)
	for i := range b.receivers {
		var mine []int
		for sender := i; sender < b.senders; sender += b.receivers {
			mine = append(mine, sender)
		}
		t.ledgers = append(t.ledgers, newLedger(mine...))
	}
	var err error
	if t.swarm, err = newSwarm(b.receivers, time.Now(), b.size, t); err != nil {
		return nil, err
	}
	t.group, t.working = errgroup.WithContext(ctx)
	var running context.Context
	running, t.hangUp = context.WithCancel(t.working)
	receivers := uids("r", b.receivers)
	for i := range b.senders {
		s, err := newRESTSender(t.working, p.address, i, receivers[i%b.receivers], wait)
		if err != nil {
			return nil, errors.Join(err, t.close())
		}
		t.senders = append(t.senders, s)
	}
	t.group.Go(func() error { return t.swarm.run(running) })
	if err := t.swarm.login(t.working, p.address, receivers); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// setPace has all senders together send so many messages a second, from now on.
func (t *chatter) setPace(perSecond float64) {
	interval := time.Duration(float64(len(t.senders)) / perSecond * float64(time.Second))
	for i, s := range t.senders {
		s.pace = pace{interval: interval, due: time.Now().Add(interval * time.Duration(i) / time.Duration(len(t.senders)))}
	}
}

func newRESTSender(ctx context.Context, address string, number int, to string, wait bool) (*restSender, error) {
	rest, err := dialREST(ctx, address)
	if err != nil {
		return nil, err
	}
	s := &restSender{
		rest:    rest,
		path:    rtmPath(fmt.Sprint("s", number), "peer_messages"),
		prefix:  `{"destination":"` + to + `","payload":"`,
		want:    []byte(`"message_sent"`),
		arrived: make(chan time.Duration, 1),
	}
	if wait {
		s.path += "?wait_for_ack=true"
		s.want = []byte(`"message_delivered"`)
	}
	return s, nil
}

// run has all send for a while, and measures in the middle of it.
func (t *chatter) run(ctx context.Context, b *bench, p *process, measured time.Duration) (c chat, err error) {
	time.AfterFunc(b.warmup, func() { t.measuring.Store(true) })
	c.tally, err = b.workFor(ctx, p, len(t.senders), measured, func(ctx context.Context, worker, _ int) (int, error) {
		return 1, t.send(ctx, worker)
	})
	for _, s := range t.senders {
		c.answers = append(c.answers, s.answers...)
		c.arrivals = append(c.arrivals, s.arrivals...)
	}
	slices.Sort(c.answers)
	slices.Sort(c.arrivals)
	return c, err
}

// send sends a sender's next message and waits for its answer and its arrival.
func (t *chatter) send(ctx context.Context, number int) error {
	s := t.senders[number]
	due, _ := s.pace.wait(nil)
	m := message{at: due.Sub(t.swarm.begin), from: number, seq: s.sent}
	body := append(t.swarm.payloads.append([]byte(s.prefix), m), `"}`...)
	answer, err := s.rest.post(s.path, body)
	if err != nil {
		return err
	}
	answered := time.Since(t.swarm.begin)
	if !bytes.Contains(answer, s.want) {
		return fmt.Errorf("the answer is not %s: %.200s", s.want, answer)
	}
	s.sent++
	arrived, err := t.awaitArrival(ctx, s, m)
	if err == nil && t.measuring.Load() {
		s.answers = append(s.answers, answered-m.at)
		s.arrivals = append(s.arrivals, arrived-m.at)
	}
	return err
}

func (t *chatter) awaitArrival(ctx context.Context, s *restSender, m message) (time.Duration, error) {
	timer := time.NewTimer(arrivalTimeout)
	defer timer.Stop()
	select {
	case at := <-s.arrived:
		return at, nil
	case <-timer.C:
		return 0, fmt.Errorf("message %d of sender %d was lost: it was accepted %v ago", m.seq, m.from, arrivalTimeout)
	case <-t.working.Done():
		return 0, context.Cause(t.working)
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// heard confirms a message, as the SDK does.
func (t *chatter) heard(c *client, m message, frame []byte) {
	t.swarm.answer(ws.NewTextFrame(appendPeerAck(nil, frameField(frame, messageIDField), frameField(frame, fromField))))
	if !t.ledgers[c.number].note(m) {
		return // the verdict has it
	}
	select {
	case t.senders[m.from].arrived <- time.Since(t.swarm.begin):
	default: // the sender has given up
	}
}

// close hangs up, and gives the fault the swarm has ended with.
func (t *chatter) close() error {
	t.hangUp()
	err := t.group.Wait()
	for _, s := range t.senders {
		s.rest.close()
	}
	return errors.Join(err, t.swarm.close())
}

func (c chat) plus(other chat) chat {
	sum := chat{
		tally:    c.tally.plus(other.tally),
		answers:  slices.Concat(c.answers, other.answers),
		arrivals: slices.Concat(c.arrivals, other.arrivals),
		verdict:  c.verdict.plus(other.verdict),
	}
	slices.Sort(sum.answers)
	slices.Sort(sum.arrivals)
	return sum
}
