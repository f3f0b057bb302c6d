#!/usr/bin/env bash
# Makes the authorities, certificates and keys that the tests of TLS use, anew, in a folder.
#   Tests/tls/make_certificates.sh FOLDER
set -euo pipefail
mkdir -p "$1"
cd "$1"
exec 2>make.log
key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null ||
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

# authority NAME SUBJECT: signs itself.
authority() {
    key "$1.key"
    openssl req -x509 -new -key "$1.key" -subj "/CN=$2" -days 3650 -out "$1.pem" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
}

# certificate NAME SUBJECT EXTENSIONS AUTHORITY DAYS
certificate() {
    [ -f "$1.key" ] || key "$1.key"
    printf '%s\n' "$3" >"$1.ext"
    openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
    openssl x509 -req -in "$1.csr" -CA "$4.pem" -CAkey "$4.key" -CAcreateserial -days "$5" \
        -extfile "$1.ext" -out "$1.pem"
    rm "$1.csr" "$1.ext"
}

local_names="subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"
authority ca "Hearth Test Authority"
authority other "Another Authority"
certificate localhost /CN=localhost "$local_names" ca 3650
certificate renewed /CN=renewed "$local_names" ca 3650
certificate example /CN=example.org "subjectAltName=DNS:example.org,DNS:*.example.org" ca 3650
certificate unnamed /CN=localhost "extendedKeyUsage=serverAuth" ca 3650
certificate expired /CN=localhost "$local_names" ca -1
certificate foreign /CN=localhost "$local_names" other 3650
certificate client "/O=Engines/CN=Ada" "extendedKeyUsage=clientAuth" ca 3650
certificate stranger "/CN=Stranger" "extendedKeyUsage=clientAuth" other 3650
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key
certificate rsa /CN=localhost "$local_names" ca 3650

# A chain of two: the intermediate goes along with the certificate.
key middle.key
printf 'basicConstraints=critical,CA:TRUE\n' >middle.ext
openssl req -new -key middle.key -subj "/CN=Middle" -out middle.csr
openssl x509 -req -in middle.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile middle.ext -out middle.pem
certificate leaf /CN=leaf "$local_names" middle 3650
cat leaf.pem middle.pem >chain.pem

cat localhost.pem localhost.key >both.pem
openssl ec -in localhost.key -aes256 -passout pass:secret -out protected.key
echo "not a certificate" >garbage.pem
