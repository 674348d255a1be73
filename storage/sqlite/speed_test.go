package sqlite

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// BenchmarkAcceptThenConfirm measures what storage does for a message to a device that
// waits for it: 64 senders, each with a receiver, whose messages share group commits.
// ms-cpu/op is the processor time of the process, kernel included.
func BenchmarkAcceptThenConfirm(b *testing.B) {
	const pairs = 64
	s := open(b, filepath.Join(b.TempDir(), "chappe.db"), Options{})
	content := json.RawMessage(`{"pad":"` + string(bytes.Repeat([]byte("x"), 246)) + `"}`)
	var senders, receivers []todevice.Device
	for i := range pairs {
		senders = append(senders, register(b, s, fmt.Sprint("s", i), "D"))
		receivers = append(receivers, register(b, s, fmt.Sprint("r", i), "D"))
	}
	b.ReportAllocs()
	b.ResetTimer()
	used := processorTime(b)
	var group sync.WaitGroup
	for i := range pairs {
		group.Go(func() {
			for n := i; n < b.N; n += pairs {
				if err := acceptThenConfirm(s, senders[i], receivers[i], content, n); err != nil {
					b.Error(err)
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64((processorTime(b)-used).Nanoseconds())/1e6/float64(b.N), "ms-cpu/op")
}

func acceptThenConfirm(s *Store, from, to todevice.Device, content json.RawMessage, n int) error {
	ctx := context.Background()
	accepted, err := s.Accept(ctx, todevice.Batch{
		Source: todevice.Source{Client: from.Inbox, Request: "PUT\x00/_matrix/client/v3/sendToDevice/t/" + strconv.Itoa(n)},
		Sends: []todevice.Send{{Sender: from.User, Type: "t", Messages: []todevice.Message{
			{To: to.User, Device: to.ID, Content: content},
		}}},
	})
	if err != nil {
		return err
	}
	events, _, err := s.Pending(ctx, to.Inbox, accepted.Deliveries[0].Position-1)
	if err != nil {
		return err
	}
	confirmed, err := s.Confirm(ctx, to.Inbox, events[0].Position)
	if err == nil && confirmed != 1 {
		err = fmt.Errorf("%d messages confirmed, want 1", confirmed)
	}
	return err
}

func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
