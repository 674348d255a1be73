package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/chappe-im/chappe/todevice"
)

const uploadScenario = "keys-upload"

// A checked tally is one with the verdict on what was done.
type checked struct {
	tally
	verdict verdict
}

func (c checked) judged() verdict { return c.verdict }

// uploadKeys measures devices that are new: each uploads its keys in one request, once.
func (b *bench) uploadKeys(ctx context.Context) error {
	devices := people("d", b.devices, aloneServer)
	bodies := uploadBodies(devices, oneTimeKeysEach)
	c, err := both(ctx, b, uploadScenario, devices,
		func(ctx context.Context, p *process) (r checked, err error) {
			if r, err = b.uploadAll(ctx, p, devices, bodies, oneTimeKeysEach); err != nil {
				return r, err
			}
			found, err := checkDeviceKeys(ctx, p, devices)
			r.verdict = r.verdict.plus(found)
			return r, err
		})
	if err != nil {
		return err
	}
	c.judge(&b.report, uploadScenario, checked.judged)
	group := b.report.group(uploadScenario, "%d devices, %d at once, each upload device keys and %d one-time keys in one request",
		len(devices), b.senders, oneTimeKeysEach)
	c.add(group, "requests/s", checked.requestsPerSecond)
	c.add(group, "keys/s", checked.unitsPerSecond)
	c.add(group, "server CPU per request, ms", checked.cpuPerRequest)
	c.add(group, "answer p50, ms", percentileOf(checked.sorted, 50))
	c.add(group, "answer p99, ms", percentileOf(checked.sorted, 99))
	return nil
}

// uploadBodies are the requests, made beforehand: making them takes longer than some
// servers need to answer.
func uploadBodies(devices []person, oneTimeKeys int) [][]byte {
	bodies := make([][]byte, len(devices))
	for i, p := range devices {
		bodies[i] = uploadBody(p, oneTimeKeys)
	}
	return bodies
}

// uploadAll has each device upload its keys. One-time keys which the server does not
// count after that are lost, and what it counts more is there twice.
func (b *bench) uploadAll(ctx context.Context, p *process, devices []person, bodies [][]byte, oneTimeKeys int) (checked, error) {
	b.say("  uploading the keys of %d devices", len(devices))
	transport := newTransport()
	defer transport.CloseIdleConnections()
	sessions := newSessions(transport, p.address, devices)
	counts := make([]int, len(devices))
	t, err := workOff(ctx, p, b.senders, len(devices), func(ctx context.Context, _, number int) (int, error) {
		answer, err := sessions[number].post(ctx, uploadPath, bodies[number])
		if err != nil {
			return 0, err
		}
		counts[number] = oneTimeKeyCount(answer)
		return 1 + oneTimeKeys, nil
	})
	r := checked{tally: t}
	for _, count := range counts {
		r.verdict.Lost += int64(max(oneTimeKeys-count, 0))
		r.verdict.Duplicated += int64(max(count-oneTimeKeys, 0))
	}
	return r, err
}

// oneTimeKeyCount finds in the answer to an upload how many keys the device has; -1 if
// it does not say.
func oneTimeKeyCount(answer []byte) int {
	var a struct {
		Counts map[string]int `json:"one_time_key_counts"`
	}
	if json.Unmarshal(answer, &a) != nil || a.Counts == nil {
		return -1
	}
	return a.Counts[todevice.SignedCurve25519]
}

// checkDeviceKeys asks for all that should be there, as one of the people themselves.
func checkDeviceKeys(ctx context.Context, p *process, devices []person) (v verdict, err error) {
	const atOnce = 100 // few enough for one answer
	transport := newTransport()
	defer transport.CloseIdleConnections()
	s := newSession(transport, p.address, devices[0])
	for part := range slices.Chunk(devices, atOnce) {
		answer, err := s.post(ctx, queryPath, queryBody(part))
		if err != nil {
			return v, err
		}
		found, err := checkQuery(answer, part)
		if err != nil {
			return v, err
		}
		v = v.plus(found)
	}
	return v, nil
}

// queryBody asks for all devices of the people.
func queryBody(all []person) []byte {
	body := []byte(`{"device_keys":{`)
	for i, p := range all {
		if i > 0 && p.id() == all[i-1].id() {
			continue // another device of the same user
		}
		if i > 0 {
			body = append(body, ',')
		}
		body = fmt.Appendf(body, `%q:[]`, p.id())
	}
	return append(body, `}}`...)
}

// checkQuery looks at an answer that should hold the keys of these people, and of
// nobody else.
func checkQuery(answer []byte, all []person) (v verdict, err error) {
	var a struct {
		DeviceKeys  map[string]map[string]json.RawMessage `json:"device_keys"`
		MasterKeys  map[string]json.RawMessage            `json:"master_keys"`
		SelfSigning map[string]json.RawMessage            `json:"self_signing_keys"`
	}
	if err := json.NewDecoder(bytes.NewReader(answer)).Decode(&a); err != nil {
		return v, fmt.Errorf("read the answer to a query: %w", err)
	}
	expect := func(got, want json.RawMessage) {
		switch {
		case got == nil && want != nil:
			v.Lost++
		case got != nil && (want == nil || !sameJSON(got, want)):
			v.Misdelivered++
		}
	}
	for _, p := range all {
		expect(a.DeviceKeys[p.id()][p.device], deviceKeys(p))
		delete(a.DeviceKeys[p.id()], p.device)
		var master, selfSigning json.RawMessage
		if p.crossSigning {
			master, selfSigning = crossSigningKeys(p)
		}
		expect(a.MasterKeys[p.id()], master)
		expect(a.SelfSigning[p.id()], selfSigning)
	}
	for _, others := range a.DeviceKeys {
		v.Misdelivered += int64(len(others))
	}
	return v, nil
}
