package remote

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// The types of DNS records in the tests.
const (
	typeA    = 1
	typeAAAA = 28
	typeSRV  = 33
)

// A dns answers for all names there are, by UDP on loopback.
type dns struct {
	conn net.PacketConn
	mu   sync.Mutex
	// addresses gives the answers to one query after another for a name; the last is
	// repeated. Names are without the last dot. Guarded by mu.
	addresses map[string][]string
	services  map[string][]*net.SRV // guarded by mu
	silent    bool                  // no query is answered; guarded by mu
}

func newDNS(t *testing.T) *dns {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &dns{conn: conn, addresses: map[string][]string{}, services: map[string][]*net.SRV{}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.serve()
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-ended
	})
	return d
}

// resolver asks this server alone.
func (d *dns) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", d.conn.LocalAddr().String())
	}}
}

// address gives a name addresses, for one query after another.
func (d *dns) address(name string, addresses ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addresses[name] = addresses
}

// service gives a service SRV records.
func (d *dns) service(name string, records ...*net.SRV) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.services[name] = records
}

// silence has no query answered any more.
func (d *dns) silence() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.silent = true
}

func (d *dns) serve() {
	query := make([]byte, 1500)
	for {
		n, from, err := d.conn.ReadFrom(query)
		if err != nil {
			return
		}
		if answer := d.answer(query[:n]); answer != nil {
			_, _ = d.conn.WriteTo(answer, from)
		}
	}
}

// answer writes the answer to a query of one question.
func (d *dns) answer(query []byte) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.silent {
		return nil
	}
	var labels []string
	at := 12
	for query[at] != 0 {
		labels = append(labels, string(query[at+1:at+1+int(query[at])]))
		at += 1 + int(query[at])
	}
	name := strings.ToLower(strings.Join(labels, "."))
	kind := binary.BigEndian.Uint16(query[at+1:])
	records, known := d.records(name, kind)
	out := append([]byte{}, query[:at+5]...)
	binary.BigEndian.PutUint16(out[2:], 0x8400) // an answer, and authoritative
	if !known {
		out[3] |= 3 // no such name
	}
	binary.BigEndian.PutUint16(out[4:], 1)
	binary.BigEndian.PutUint16(out[6:], uint16(len(records)))
	binary.BigEndian.PutUint32(out[8:], 0)
	for _, record := range records {
		out = append(out, 0xc0, 12) // the name asked for
		out = binary.BigEndian.AppendUint16(out, kind)
		out = binary.BigEndian.AppendUint16(out, 1)
		out = binary.BigEndian.AppendUint32(out, 0)
		out = binary.BigEndian.AppendUint16(out, uint16(len(record)))
		out = append(out, record...)
	}
	return out
}

func (d *dns) records(name string, kind uint16) (records [][]byte, known bool) {
	if kind == typeSRV {
		for _, service := range d.services[name] {
			record := binary.BigEndian.AppendUint16(nil, service.Priority)
			record = binary.BigEndian.AppendUint16(record, service.Weight)
			record = binary.BigEndian.AppendUint16(record, service.Port)
			for label := range strings.SplitSeq(strings.Trim(service.Target, "."), ".") {
				record = append(append(record, byte(len(label))), label...)
			}
			records = append(records, append(record, 0))
		}
		return records, len(records) > 0
	}
	addresses, known := d.addresses[name]
	if !known || kind != typeA && kind != typeAAAA {
		return nil, known
	}
	address := netip.MustParseAddr(addresses[0])
	if address.Is4() != (kind == typeA) {
		return nil, true
	}
	if len(addresses) > 1 {
		d.addresses[name] = addresses[1:]
	}
	return [][]byte{address.AsSlice()}, true
}
