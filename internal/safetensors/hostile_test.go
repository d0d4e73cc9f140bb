// SPDX-License-Identifier: Apache-2.0

package safetensors

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// file puts a header and data together.
func file(header, data string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header+data...)
}

// claim is a file whose first eight bytes claim length.
func claim(length uint64, rest string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, length), rest...)
}

// entryOf describes one tensor.
func entryOf(dtype, shape, offsets string) string {
	return `{"dtype":"` + dtype + `","shape":` + shape + `,"data_offsets":` + offsets + `}`
}

const four = `{"dtype":"F32","shape":[1],"data_offsets":[0,4]}`

// hostile lists files that must be refused, with a part of the message.
var hostile = []struct {
	name string
	file []byte
	want string
}{
	{"nothing", nil, "0 bytes"},
	{"seven bytes", []byte("1234567"), "7 bytes"},
	{"no header", claim(0, ""), "does not start with '{'"},
	{"header longer than the file", claim(9, "{}      "), "truncated"},
	{"header longer than any file", claim(1<<63+5, "{}"), "not a safetensors file"},
	{"length that overflows when 8 is added", claim(1<<64-1, "{}"), "not a safetensors file"},
	{"header over the limit", claim(MaxHeader+1, "{}"), "more than the 16777216 that are read"},
	{"header at the limit in a short file", claim(MaxHeader, "{}"), "truncated"},
	{"leading space", file(" {}", ""), "does not start with '{'"},
	{"a list", file("[]", ""), "does not start with '{'"},
	{"a pickle", append(claim(4, ""), "\x80\x02}q"...), "does not start with '{'"},
	{"invalid UTF-8", file("{\"\xff\":"+four+"}", "1234"), "UTF-8"},
	{"invalid UTF-8, overlong slash", file("{\"\xc0\xaf\":"+four+"}", "1234"), "UTF-8"},
	{"breaks off", file(`{"a"`, ""), "the header ends at byte"},
	{"breaks off in a string", file(`{"a`, ""), "the header ends at byte"},
	{"breaks off in an escape", file(`{"a\`, ""), "the header ends at byte"},
	{"breaks off in a number", file(`{"a":{"shape":[1`, ""), "the header ends at byte"},
	{"trailing comma", file(`{"a":`+four+`,}`, "1234"), "a string"},
	{"two documents", file(`{}{}`, ""), "nothing more"},
	{"NUL after the document", file("{}\x00", ""), "nothing more"},
	{"control character in a name", file("{\"a\nb\":"+four+"}", "1234"), "rest of a string"},
	{"unknown escape", file(`{"\x":`+four+`}`, "1234"), "escape"},
	{"bad hexadecimal", file(`{"\u12g4":`+four+`}`, "1234"), "hexadecimal"},
	{"half a surrogate pair", file(`{"\ud800":`+four+`}`, "1234"), "surrogate"},
	{"surrogates the wrong way round", file(`{"\udc00\ud800":`+four+`}`, "1234"), "surrogate"},
	{"deep lists", file(`{"a":`+strings.Repeat("[", 1_000_000), ""), "an object"},
	{"deep objects", file(strings.Repeat(`{"a":`, 200_000), ""), `"a"`},
	{"deep metadata", file(`{"__metadata__":{"a":`+strings.Repeat("[", 100_000), ""), "a string"},
	{"duplicate tensor", file(`{"a":`+four+`,"a":`+four+`}`, "1234"), `two entries for tensor "a"`},
	{"duplicate tensor by escape", file(`{"a":`+four+`,"\u0061":`+four+`}`, "1234"), `two entries for tensor "a"`},
	{"duplicate empty tensor", file(`{"a":`+entryOf("F32", "[0]", "[0,0]")+`,"a":`+entryOf("F32", "[0]", "[0,0]")+`}`, ""), "two entries"},
	{"duplicate metadata", file(`{"__metadata__":{},"__metadata__":{}}`, ""), "two entries"},
	{"duplicate metadata key", file(`{"__metadata__":{"k":"1","k":"2"}}`, ""), `two entries "k"`},
	{"duplicate dtype", file(`{"a":{"dtype":"U8","dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, "1234"), "given twice"},
	{"duplicate shape", file(`{"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}`, "1234"), "given twice"},
	{"duplicate offsets", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"data_offsets":[0,4]}}`, "1234"), "given twice"},
	{"unknown field", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"strides":[1]}}`, "1234"), `"strides"`},
	{"no dtype", file(`{"a":{"shape":[1],"data_offsets":[0,4]}}`, "1234"), "no dtype"},
	{"no shape", file(`{"a":{"dtype":"F32","data_offsets":[0,4]}}`, "1234"), "no shape"},
	{"no offsets", file(`{"a":{"dtype":"F32","shape":[1]}}`, "1234"), "no data_offsets"},
	{"one offset", file(`{"a":`+entryOf("F32", "[1]", "[0]")+`}`, "1234"), "not 2"},
	{"three offsets", file(`{"a":`+entryOf("F32", "[1]", "[0,4,8]")+`}`, "1234"), "more than 2"},
	{"metadata that is a number", file(`{"__metadata__":{"a":1}}`, ""), "a string"},
	{"metadata that is NaN", file(`{"__metadata__":{"a":NaN}}`, ""), "a string"},
	{"metadata that is null", file(`{"__metadata__":null}`, ""), "an object"},
	{"dtype that is null", file(`{"a":{"dtype":null,"shape":[1],"data_offsets":[0,4]}}`, "1234"), "a string"},
	{"unknown dtype", file(`{"a":`+entryOf("F33", "[1]", "[0,4]")+`}`, "1234"), `dtype "F33"`},
	{"lower-case dtype", file(`{"a":`+entryOf("f32", "[1]", "[0,4]")+`}`, "1234"), `dtype "f32"`},
	{"dtype we do not read", file(`{"a":`+entryOf("F8_E4M3", "[4]", "[0,4]")+`}`, "1234"), "F8_E4M3 is not supported"},
	{"negative side", file(`{"a":`+entryOf("F32", "[-1]", "[0,4]")+`}`, "1234"), "a natural number"},
	{"two negative sides", file(`{"a":`+entryOf("U8", "[-2,-2]", "[0,4]")+`}`, "1234"), "a natural number"},
	{"negative offset", file(`{"a":`+entryOf("F32", "[1]", "[-4,0]")+`}`, "1234"), "a natural number"},
	{"fraction", file(`{"a":`+entryOf("F32", "[1.0]", "[0,4]")+`}`, "1234"), "','"},
	{"exponent", file(`{"a":`+entryOf("F32", "[1e0]", "[0,4]")+`}`, "1234"), "','"},
	{"leading zero", file(`{"a":`+entryOf("F32", "[01]", "[0,4]")+`}`, "1234"), "a natural number"},
	{"side in a string", file(`{"a":`+entryOf("F32", `["1"]`, "[0,4]")+`}`, "1234"), "a natural number"},
	{"nested shape", file(`{"a":`+entryOf("F32", "[[1]]", "[0,4]")+`}`, "1234"), "a natural number"},
	{"side over 64 bits", file(`{"a":`+entryOf("F32", "[18446744073709551617]", "[0,4]")+`}`, "1234"), "too large"},
	{"side over 63 bits", file(`{"a":`+entryOf("F32", "[9223372036854775808]", "[0,4]")+`}`, "1234"), "too large"},
	// 2^62 elements of 4 bytes are 0 bytes modulo 2^64, and 2^32 times 2^32 elements, too.
	{"bytes that overflow to 0", file(`{"a":`+entryOf("F32", "[4611686018427387904]", "[0,0]")+`}`, ""), "more elements"},
	{"bytes that overflow to 4", file(`{"a":`+entryOf("F32", "[4611686018427387905]", "[0,4]")+`}`, "1234"), "more elements"},
	{"elements that overflow to 0", file(`{"a":`+entryOf("U8", "[4294967296,4294967296]", "[0,0]")+`}`, ""), "more elements"},
	{"overflow before a zero", file(`{"a":`+entryOf("U8", "[4294967296,4294967296,0]", "[0,0]")+`}`, ""), "more elements"},
	{"bytes just over 63 bits", file(`{"a":`+entryOf("F32", "[2305843009213693952]", "[0,0]")+`}`, ""), "more elements"},
	{"65 dimensions", file(`{"a":`+entryOf("F32", "[1"+strings.Repeat(",1", 64)+"]", "[0,4]")+`}`, "1234"), "more than 64"},
	{"a shape of a million sides", file(`{"a":`+entryOf("F32", "[1"+strings.Repeat(",1", 1_000_000)+"]", "[0,4]")+`}`, "1234"), "more than 64"},
	{"too few bytes", file(`{"a":`+entryOf("F32", "[2]", "[0,4]")+`}`, "1234"), "needs 8 bytes"},
	{"too many bytes", file(`{"a":`+entryOf("F32", "[1]", "[0,8]")+`}`, "12345678"), "needs 4 bytes"},
	{"offsets backwards", file(`{"a":`+entryOf("F32", "[1]", "[4,0]")+`}`, "1234"), "backwards"},
	{"beyond the file", file(`{"a":`+entryOf("F32", "[2]", "[0,8]")+`}`, "1234"), "truncated"},
	{"far beyond the file", file(`{"a":`+entryOf("U8", "[9223372036854775807]", "[0,9223372036854775807]")+`}`, "1234"), "truncated"},
	{"hole at the start", file(`{"a":`+entryOf("F32", "[1]", "[4,8]")+`}`, "12345678"), "hole"},
	{"hole between", file(`{"a":`+four+`,"b":`+entryOf("F32", "[1]", "[8,12]")+`}`, "123412341234"), "hole"},
	{"an empty tensor in mid-air", file(`{"a":`+entryOf("F32", "[0]", "[4,4]")+`}`, "1234"), "hole"},
	{"overlap", file(`{"a":`+four+`,"b":`+entryOf("F32", "[1]", "[2,6]")+`}`, "123456"), "inside the tensor before"},
	{"the same bytes twice", file(`{"a":`+four+`,"b":`+four+`}`, "1234"), "inside the tensor before"},
	{"trailing bytes", file(`{"a":`+four+`}`, "1234!"), "belong to none"},
	{"data and no tensor", file(`{}`, "!"), "belong to none"},
	{"a name of a megabyte", file(`{"`+strings.Repeat("n", 1_000_000)+`":`+entryOf("F32", "[2]", "[0,4]")+`}`, "1234"), "nnn\"..."},
}

func TestHostile(t *testing.T) {
	for _, h := range hostile {
		f, err := Parse(bytes.NewReader(h.file), int64(len(h.file)))
		if err == nil {
			t.Errorf("%s: accepted as %v", h.name, f.Names)
			continue
		}
		if text := err.Error(); !strings.Contains(text, h.want) || strings.Contains(text, "\n") || len(text) > 300 {
			t.Errorf("%s: %q is not one short line with %q", h.name, text, h.want)
		}
	}
}

// kept lists odd files that the format allows.
var kept = []struct {
	name  string
	file  []byte
	names string
}{
	{"empty", file(`{}`, ""), ""},
	{"padded", file("{} \n\t ", ""), ""},
	{"spaces inside", file(`{ "a" : { "shape" : [ 1 ] , "dtype" : "F32" , "data_offsets" : [ 0 , 4 ] } }`, "1234"), "a"},
	{"any order", file(`{"b":`+entryOf("F32", "[1]", "[4,8]")+`,"a":`+four+`}`, "12345678"), "a b"},
	{"empty tensors share an offset", file(`{"b":`+entryOf("F32", "[0]", "[4,4]")+`,"c":`+entryOf("F32", "[0]", "[4,4]")+`,"a":`+four+`}`, "1234"), "a b c"},
	{"an empty tensor before a full one", file(`{"z":`+entryOf("F32", "[7,0]", "[0,0]")+`,"a":`+four+`}`, "1234"), "z a"},
	{"zero before an overflow", file(`{"a":`+entryOf("U8", "[0,4294967296,4294967296]", "[0,0]")+`}`, ""), "a"},
	{"a surrogate pair", file(`{"\ud83d\ude00":`+four+`}`, "1234"), "\U0001F600"},
	{"metadata last", file(`{"a":`+four+`,"__metadata__":{"k":"v"}}`, "1234"), "a"},
}

func TestKept(t *testing.T) {
	for _, k := range kept {
		f, err := Parse(bytes.NewReader(k.file), int64(len(k.file)))
		if err != nil {
			t.Errorf("%s: %v", k.name, err)
			continue
		}
		if got := strings.Join(f.Names, " "); got != k.names {
			t.Errorf("%s: names %q, want %q", k.name, got, k.names)
		}
	}
}

// For a header that claims much or lists much in a short file, memory follows the file and not the claim.
func TestMemory(t *testing.T) {
	var many strings.Builder
	many.WriteString(`{"__metadata__":{"x":""`)
	for i := range 200_000 {
		many.WriteString(`,"` + string(rune('a'+i%26)) + strings.Repeat("k", i%7) + `":""`)
	}
	for _, h := range [][]byte{
		claim(MaxHeader, "{"),
		file(`{"a":`+entryOf("U8", "[9000000000000000000]", "[0,9000000000000000000]")+`}`, ""),
		file(many.String()+"}}", ""),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := Parse(bytes.NewReader(h), int64(len(h))); err == nil {
			t.Error("accepted")
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > uint64(8*len(h)+1<<20) {
			t.Errorf("a file of %d bytes made Parse allocate %d", len(h), used)
		}
	}
}

func TestTruncatedAndFlipped(t *testing.T) {
	whole, err := os.ReadFile("testdata/all.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if _, err := Parse(bytes.NewReader(whole[:n]), int64(n)); err == nil {
			t.Errorf("accepted the first %d bytes of %d", n, len(whole))
		}
	}
	// A source shorter than the size it was opened with.
	for _, n := range []int{4, 100, len(whole) - 1} {
		f, err := Parse(bytes.NewReader(whole[:n]), int64(len(whole)))
		if err == nil {
			_, err = f.Tensors()
		}
		if err == nil {
			t.Errorf("read tensors out of a file that shrank to %d bytes", n)
		}
	}
}

func TestOpenSaysWhich(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.safetensors")
	if err := os.WriteFile(bad, []byte("not at all one"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{bad, dir, filepath.Join(dir, "absent")} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("Open(%s) = %v, want an error that names the path", path, err)
		}
	}
	if _, err := open(t, "testdata/all.safetensors").Tensor("nope"); err == nil ||
		!strings.Contains(err.Error(), "all.safetensors") {
		t.Errorf("a missing tensor gives %v, want the file's name", err)
	}
}
