// SPDX-License-Identifier: Apache-2.0

package embedding

import (
	"encoding/base64"
	"encoding/binary"

	flatbuffers "github.com/google/flatbuffers/go"
)

// Parquet knows lists but not their size, so Arrow's writers add the Arrow schema to a file's metadata, and Arrow's
// readers restore the type from it. The schema is the message of Arrow's stream format (format/Message.fbs and
// format/Schema.fbs of apache/arrow), in base64.

// arrowKey is the key of the Arrow schema in a Parquet file's metadata.
const arrowKey = "ARROW:schema"

// Numbers of Arrow's types, precisions and versions.
const (
	arrowFloat     = 3
	arrowUTF8      = 5
	arrowFixedList = 16
	arrowHalf      = 0
	arrowSingle    = 1
	arrowSchema    = 1 // the kind of message
	arrowV5        = 4
)

// arrowText is the Arrow schema of a file with vectors of dim dimensions. It repeats the card: Arrow's readers show the
// metadata of the schema, not that of the file.
func arrowText(dim int, float16 bool, card string) string {
	b := flatbuffers.NewBuilder(1024)
	precision := int16(arrowSingle)
	if float16 {
		precision = arrowHalf
	}
	var fields []flatbuffers.UOffsetT
	for _, name := range columns[:len(columns)-1] {
		b.StartObject(0)
		fields = append(fields, arrowField(b, name, arrowUTF8, b.EndObject(), nil))
	}
	b.StartObject(1)
	b.PrependInt16Slot(0, precision, 0)
	element := arrowField(b, "element", arrowFloat, b.EndObject(), nil)
	b.StartObject(1)
	b.PrependInt32Slot(0, int32(dim), 0)
	list := b.EndObject()
	children := []flatbuffers.UOffsetT{element}
	fields = append(fields, arrowField(b, columns[len(columns)-1], arrowFixedList, list, children))

	all := b.CreateVectorOfTables(fields)
	key, value := b.CreateString(cardKey), b.CreateString(card)
	b.StartObject(2)
	b.PrependUOffsetTSlot(0, key, 0)
	b.PrependUOffsetTSlot(1, value, 0)
	metadata := b.CreateVectorOfTables([]flatbuffers.UOffsetT{b.EndObject()})
	b.StartObject(4)
	b.PrependUOffsetTSlot(1, all, 0)
	b.PrependUOffsetTSlot(2, metadata, 0)
	schema := b.EndObject()
	b.StartObject(5)
	b.PrependInt16Slot(0, arrowV5, 0)
	b.PrependByteSlot(1, arrowSchema, 0)
	b.PrependUOffsetTSlot(2, schema, 0)
	b.Finish(b.EndObject())

	message := b.FinishedBytes()
	for len(message)%8 != 0 {
		message = append(message, 0)
	}
	text := binary.LittleEndian.AppendUint32([]byte{0xff, 0xff, 0xff, 0xff}, uint32(len(message)))
	return base64.StdEncoding.EncodeToString(append(text, message...))
}

// arrowField adds a field to a schema.
func arrowField(b *flatbuffers.Builder, name string, kind byte, of flatbuffers.UOffsetT,
	children []flatbuffers.UOffsetT) flatbuffers.UOffsetT {
	text := b.CreateString(name)
	below := b.CreateVectorOfTables(children)
	b.StartObject(7)
	b.PrependUOffsetTSlot(0, text, 0)
	b.PrependBoolSlot(1, true, false) // nullable
	b.PrependByteSlot(2, kind, 0)
	b.PrependUOffsetTSlot(3, of, 0)
	b.PrependUOffsetTSlot(5, below, 0)
	return b.EndObject()
}
