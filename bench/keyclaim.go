package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/chappe-im/chappe/todevice"
)

const (
	claimScenario = "keys-claim"
	// claimBatch is how many devices a large claim takes a key of.
	claimBatch = 50
	// singleClaims is how many of a device's oneTimeKeysEach keys are claimed one by one.
	singleClaims = 10
)

// claimed is what came of claiming all keys there are.
type claimed struct {
	singles, batches tally
	verdict          verdict
}

// claimKeys measures claims of one key in a request, and of a key of claimBatch devices
// in one, until no key is left.
func (b *bench) claimKeys(ctx context.Context) error {
	devices, claimers := people("d", b.devices, aloneServer), people("s", b.senders, aloneServer)
	bodies := uploadBodies(devices, oneTimeKeysEach)
	c, err := both(ctx, b, claimScenario, append(claimers, devices...),
		func(ctx context.Context, p *process) (c claimed, err error) {
			uploaded, err := b.uploadAll(ctx, p, devices, bodies, oneTimeKeysEach)
			if err != nil {
				return c, err
			}
			c, err = b.claimAll(ctx, p, claimers, devices)
			c.verdict = c.verdict.plus(uploaded.verdict)
			return c, err
		})
	if err != nil {
		return err
	}
	c.judge(&b.report, claimScenario, func(c claimed) verdict { return c.verdict })
	for _, kind := range []struct {
		devices int
		comparison[tally]
	}{
		{1, partOf(c, func(c claimed) tally { return c.singles })},
		{claimBatch, partOf(c, func(c claimed) tally { return c.batches })},
	} {
		group := b.report.group(claimScenario, "%d at once, each request claims a key of each of %d devices; %d keys in all",
			b.senders, kind.devices, kind.chappe.units)
		group.Variant = fmt.Sprint(kind.devices)
		kind.add(group, "requests/s", tally.requestsPerSecond)
		kind.add(group, "keys/s", tally.unitsPerSecond)
		kind.add(group, "server CPU per request, ms", tally.cpuPerRequest)
		kind.add(group, "answer p50, ms", percentileOf(tally.sorted, 50))
		kind.add(group, "answer p99, ms", percentileOf(tally.sorted, 99))
	}
	return nil
}

// claimAll claims all keys of all devices, and checks that each was given out, and
// once.
func (b *bench) claimAll(ctx context.Context, p *process, claimers, devices []person) (c claimed, err error) {
	transport := newTransport()
	defer transport.CloseIdleConnections()
	sessions := newSessions(transport, p.address, claimers)
	if err := b.acquaint(ctx, sessions, devices); err != nil {
		return c, err
	}
	ledger := newKeyLedger(devices, oneTimeKeysEach)
	claim := func(perRequest, each int) (t tally, err error) {
		b.say("  claiming %d keys of %d devices, %d in a request", each, len(devices), perRequest)
		answers := make([][]byte, len(devices)*each/perRequest)
		t, err = workOff(ctx, p, len(sessions), len(answers), func(ctx context.Context, worker, number int) (int, error) {
			first := number * perRequest % len(devices)
			answer, err := sessions[worker].post(ctx, claimPath, claimBody(devices[first:first+perRequest]))
			answers[number] = bytes.Clone(answer) // they are read when nobody measures any more
			return perRequest, err
		})
		for _, answer := range answers {
			if err == nil {
				err = ledger.note(answer)
			}
		}
		return t, err
	}
	if c.singles, err = claim(1, singleClaims); err != nil {
		return c, err
	}
	if c.batches, err = claim(claimBatch, oneTimeKeysEach-singleClaims); err != nil {
		return c, err
	}
	// Once more: now there is nothing left that could be given out once.
	if _, err = claim(claimBatch, 1); err != nil {
		return c, err
	}
	c.verdict = ledger.close()
	return c, nil
}

// maxQueried is how many users one query may be for.
const maxQueried = 1000

// acquaint has everybody ask for the keys of all devices, as clients do before they
// claim: the server notes that they must hear of changes.
func (b *bench) acquaint(ctx context.Context, sessions []*session, devices []person) error {
	b.say("  %d users ask for the keys of %d", len(sessions), len(devices))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8) // the answers are large
	for _, s := range sessions {
		group.Go(func() error {
			defer func() { s.answer = bytes.Buffer{} }()
			for part := range slices.Chunk(devices, maxQueried) {
				if _, err := s.post(ctx, queryPath, queryBody(part)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func claimBody(devices []person) []byte {
	body := []byte(`{"one_time_keys":{`)
	for i, p := range devices {
		if i > 0 {
			body = append(body, ',')
		}
		body = fmt.Appendf(body, `%q:{%q:%q}`, p.id(), p.device, todevice.SignedCurve25519)
	}
	return append(body, `}}`...)
}
