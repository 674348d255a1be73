package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
)

const (
	queryScenario  = "keys-query"
	queriedUsers   = 100
	devicesPerUser = 5
	usersPerQuery  = 10
)

// queried is what came of queries for users of one kind.
type queried struct {
	// first are the queries of those who never asked before: the server notes that they
	// must hear of changes. again are those after that.
	first, again tally
	verdict      verdict
}

// queryKeys measures queries for the keys of users who have cross-signing keys, and of
// such who do not.
func (b *bench) queryKeys(ctx context.Context) error {
	plain := atDevices(people("p", queriedUsers, aloneServer), devicesPerUser)
	crossed := atDevices(people("c", queriedUsers, aloneServer), devicesPerUser)
	for i := range crossed {
		crossed[i].crossSigning = true
	}
	users := slices.Concat(plain, crossed, people("s", b.senders, aloneServer))
	both, err := both(ctx, b, queryScenario, users,
		func(ctx context.Context, p *process) ([2]queried, error) { return b.queryBoth(ctx, p, plain, crossed) })
	if err != nil {
		return err
	}
	for kind, without := range []string{"without", "with"} {
		c := partOf(both, func(all [2]queried) queried { return all[kind] })
		c.judge(&b.report, queryScenario+", "+without+" cross-signing", func(q queried) verdict { return q.verdict })
		group := b.report.group(queryScenario, "%d at once each ask for %d users of %d devices each, %s cross-signing keys",
			b.senders, usersPerQuery, devicesPerUser, without)
		group.Variant = without + " cross-signing"
		c.add(group, "of users never asked for before, queries/s", func(q queried) float64 { return q.first.requestsPerSecond() })
		again := partOf(c, func(q queried) tally { return q.again })
		again.add(group, "queries/s", tally.requestsPerSecond)
		again.add(group, "devices/s", tally.unitsPerSecond)
		again.add(group, "server CPU per query, ms", tally.cpuPerRequest)
		again.add(group, "answer p50, ms", percentileOf(tally.sorted, 50))
		again.add(group, "answer p99, ms", percentileOf(tally.sorted, 99))
	}
	return nil
}

func (b *bench) queryBoth(ctx context.Context, p *process, kinds ...[]person) (all [2]queried, err error) {
	for kind, devices := range kinds {
		uploaded, err := b.uploadAll(ctx, p, devices, uploadBodies(devices, 0), 0)
		if err != nil {
			return all, err
		}
		if all[kind], err = b.query(ctx, p, devices); err != nil {
			return all, err
		}
		all[kind].verdict = all[kind].verdict.plus(uploaded.verdict)
	}
	return all, nil
}

// query asks for the devices in sets of usersPerQuery users: first each set once, as
// everybody who asks, and then for a while.
func (b *bench) query(ctx context.Context, p *process, devices []person) (q queried, err error) {
	transport := newTransport()
	defer transport.CloseIdleConnections()
	askers := people("s", b.senders, aloneServer)
	sets := slices.Collect(slices.Chunk(devices, usersPerQuery*devicesPerUser))
	bodies := make([][]byte, len(sets))
	for i, set := range sets {
		bodies[i] = queryBody(set)
	}
	ask := func(ctx context.Context, s *session, set int) (int, error) {
		answer, err := s.post(ctx, queryPath, bodies[set])
		if err == nil && bytes.Count(answer, []byte(`"device_id":`)) != len(sets[set]) {
			err = errors.New("an answer does not have all the devices")
		}
		return len(sets[set]), err
	}
	b.say("  each set of users is asked for once by everybody")
	q.first, err = workOff(ctx, p, b.senders, len(sets)*len(askers), func(ctx context.Context, _, number int) (int, error) {
		asker := newSession(transport, p.address, askers[number%len(askers)]) // whom another worker may be, too
		return ask(ctx, asker, number/len(askers))
	})
	if err != nil {
		return q, err
	}
	sessions := newSessions(transport, p.address, askers)
	q.again, err = b.workFor(ctx, p, b.senders, b.measured/2, func(ctx context.Context, worker, number int) (int, error) {
		return ask(ctx, sessions[worker], number%len(sets))
	})
	if err != nil {
		return q, err
	}
	for i, set := range sets {
		answer, err := sessions[0].post(ctx, queryPath, bodies[i])
		if err != nil {
			return q, err
		}
		found, err := checkQuery(answer, set)
		if err != nil {
			return q, err
		}
		q.verdict = q.verdict.plus(found)
	}
	return q, nil
}
