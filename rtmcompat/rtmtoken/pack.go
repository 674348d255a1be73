package rtmtoken

import "encoding/binary"

// A reader takes values off the front of packed bytes. Where something is missing it
// gives zero, and bad stays true.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n int) []byte {
	if len(r.rest) < n {
		r.bad, r.rest = true, nil
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) u16() uint16 {
	if b := r.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// bytes reads a length and as many bytes.
func (r *reader) bytes() []byte { return r.take(int(r.u16())) }

// privileges reads a map from privileges to the time each ends; 0 is no time of its
// own.
func (r *reader) privileges() map[uint16]uint32 {
	until := make(map[uint16]uint32)
	for range r.u16() {
		privilege, end := r.u16(), r.u32()
		if r.bad {
			break
		}
		until[privilege] = end
	}
	return until
}

// whole tells whether all was there, and nothing behind it.
func (r *reader) whole() bool { return !r.bad && len(r.rest) == 0 }

func appendBytes[T string | []byte](to []byte, b T) []byte {
	to = binary.LittleEndian.AppendUint16(to, uint16(len(b)))
	return append(to, b...)
}

// appendPrivilege appends a map of one privilege.
func appendPrivilege(to []byte, privilege uint16, end uint32) []byte {
	to = binary.LittleEndian.AppendUint16(to, 1)
	to = binary.LittleEndian.AppendUint16(to, privilege)
	return binary.LittleEndian.AppendUint32(to, end)
}
