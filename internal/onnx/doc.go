// SPDX-License-Identifier: Apache-2.0

// Package onnx holds ONNX's messages, generated from the schema onnx.proto, which is that of onnx 1.23.2 (Apache-2.0).
//
// To generate onnx.pb.go anew: protoc with protoc-gen-go of the version that go.mod names, and the options
// paths=source_relative and Monnx.proto=github.com/parallax-ssl/parallax/internal/onnx.
package onnx
