// SPDX-License-Identifier: Apache-2.0

// Package claims has the published claims that the laboratory tests, and those that it cannot test, with the reason.
// Each file has one family of claims, named after the method or the question, such as simsiam.go or views.go. The arms
// that several claims share are at its beginning; each is trained once.
//
// [All] is the list, and [Select] chooses from it. To add a claim, write a value in the file of its family and a line
// in all.go.
package claims
