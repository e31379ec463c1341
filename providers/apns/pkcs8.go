package apns

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
)

// Of PKCS#5 (RFC 8018 appendix A, B).
var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
)

// maxIterations bounds the work that a file may ask for.
const maxIterations = 1_000_000

// errCipher is for what openssl writes only when it is asked to.
var errCipher = errors.New("its private key is encrypted in a way that is not known: write it anew with openssl pkcs8 -topk8 -v2 aes256")

// encryptedKey is EncryptedPrivateKeyInfo (RFC 5958 section 3).
type encryptedKey struct {
	Algorithm struct {
		Scheme asn1.ObjectIdentifier
		Params struct{ KDF, Cipher pkix.AlgorithmIdentifier }
	}
	Data []byte
}

// pbkdf2Params are those of the key derivation (RFC 8018 appendix A.2).
type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

// openPKCS8 opens a key that is encrypted with PBES2, as OpenSSL and Apple's
// tools do.
func openPKCS8(der []byte, password string) ([]byte, error) {
	var in encryptedKey
	if _, err := asn1.Unmarshal(der, &in); err != nil || !in.Algorithm.Scheme.Equal(oidPBES2) || !in.Algorithm.Params.KDF.Algorithm.Equal(oidPBKDF2) {
		return nil, errCipher
	}
	var kdf pbkdf2Params
	if _, err := asn1.Unmarshal(in.Algorithm.Params.KDF.Parameters.FullBytes, &kdf); err != nil || kdf.Iterations < 1 || kdf.Iterations > maxIterations {
		return nil, errCipher
	}
	var iv []byte
	if _, err := asn1.Unmarshal(in.Algorithm.Params.Cipher.Parameters.FullBytes, &iv); err != nil {
		return nil, errCipher
	}
	prf, length, block := prfOf(kdf.PRF), 0, (func([]byte) (cipher.Block, error))(nil)
	if length, block = cipherOf(in.Algorithm.Params.Cipher.Algorithm); prf == nil || block == nil {
		return nil, errCipher
	}
	key, err := pbkdf2.Key(prf, password, kdf.Salt, kdf.Iterations, length)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	b, err := block(key)
	if err != nil || len(iv) != b.BlockSize() || len(in.Data) == 0 || len(in.Data)%b.BlockSize() != 0 {
		return nil, errCipher
	}
	out := bytes.Clone(in.Data)
	cipher.NewCBCDecrypter(b, iv).CryptBlocks(out, out)
	pad := int(out[len(out)-1])
	if pad < 1 || pad > b.BlockSize() || !bytes.Equal(out[len(out)-pad:], bytes.Repeat([]byte{byte(pad)}, pad)) {
		return nil, errPassword
	}
	out = out[:len(out)-pad]
	if _, err := x509.ParsePKCS8PrivateKey(out); err != nil {
		return nil, errPassword // the padding fits by chance in one of 256 cases
	}
	return out, nil
}

// prfOf is the hash of a pseudo-random function (RFC 8018 appendix B.1); the
// default is HMAC with SHA-1.
func prfOf(id pkix.AlgorithmIdentifier) func() hash.Hash {
	switch id.Algorithm.String() {
	case "", "1.2.840.113549.2.7":
		return sha1.New
	case "1.2.840.113549.2.9":
		return sha256.New
	case "1.2.840.113549.2.10":
		return sha512.New384
	case "1.2.840.113549.2.11":
		return sha512.New
	}
	return nil
}

// cipherOf is a cipher, in CBC mode, with the length of its key in bytes.
func cipherOf(id asn1.ObjectIdentifier) (length int, block func([]byte) (cipher.Block, error)) {
	switch id.String() {
	case "2.16.840.1.101.3.4.1.2":
		return 16, aes.NewCipher
	case "2.16.840.1.101.3.4.1.22":
		return 24, aes.NewCipher
	case "2.16.840.1.101.3.4.1.42":
		return 32, aes.NewCipher
	case "1.2.840.113549.3.7":
		return 24, des.NewTripleDESCipher
	}
	return 0, nil
}
