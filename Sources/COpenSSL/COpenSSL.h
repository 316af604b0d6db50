// OpenSSL 3 (Debian: libssl-dev), and its function-like macros as one-line functions. No logic.
#ifndef MARTLET_COPENSSL_H
#define MARTLET_COPENSSL_H

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// Options are made with a function-like macro, which Swift does not import.
static const uint64_t martlet_SSL_OP_NO_COMPRESSION = SSL_OP_NO_COMPRESSION;
static const uint64_t martlet_SSL_OP_NO_RENEGOTIATION = SSL_OP_NO_RENEGOTIATION;
static const uint64_t martlet_SSL_OP_NO_TICKET = SSL_OP_NO_TICKET;
static const uint64_t martlet_SSL_OP_CIPHER_SERVER_PREFERENCE = SSL_OP_CIPHER_SERVER_PREFERENCE;
static const uint64_t martlet_SSL_OP_PRIORITIZE_CHACHA = SSL_OP_PRIORITIZE_CHACHA;
static const unsigned long martlet_XN_FLAG_RFC2253 = XN_FLAG_RFC2253;

static inline long martlet_SSL_CTX_set_mode(SSL_CTX *context, long mode) { return SSL_CTX_set_mode(context, mode); }
static inline int martlet_SSL_CTX_set_min_proto_version(SSL_CTX *context, int version) { return (int)SSL_CTX_set_min_proto_version(context, version); }
static inline int martlet_SSL_CTX_set_max_proto_version(SSL_CTX *context, int version) { return (int)SSL_CTX_set_max_proto_version(context, version); }
static inline int martlet_SSL_CTX_set1_groups_list(SSL_CTX *context, const char *list) { return (int)SSL_CTX_set1_groups_list(context, list); }
static inline int martlet_SSL_CTX_add0_chain_cert(SSL_CTX *context, X509 *certificate) { return (int)SSL_CTX_add0_chain_cert(context, certificate); }
static inline long martlet_SSL_set_tlsext_host_name(SSL *ssl, const char *name) { return SSL_set_tlsext_host_name(ssl, (void *)name); }
static inline long martlet_SSL_CTX_set_max_cert_list(SSL_CTX *context, long bytes) { return SSL_CTX_set_max_cert_list(context, bytes); }
static inline long martlet_SSL_CTX_set_session_cache_mode(SSL_CTX *context, long mode) { return SSL_CTX_set_session_cache_mode(context, mode); }
static inline long martlet_SSL_CTX_sess_set_cache_size(SSL_CTX *context, long count) { return SSL_CTX_sess_set_cache_size(context, count); }
static inline int martlet_SSL_CTX_set_app_data(SSL_CTX *context, void *data) { return SSL_CTX_set_app_data(context, data); }
static inline void *martlet_SSL_CTX_get_app_data(const SSL_CTX *context) { return SSL_CTX_get_app_data(context); }
static inline void martlet_BIO_set_retry_read(BIO *bio) { BIO_set_retry_read(bio); }
static inline void martlet_BIO_clear_retry_flags(BIO *bio) { BIO_clear_retry_flags(bio); }
static inline long martlet_BIO_get_mem_data(BIO *bio, char **data) { return BIO_get_mem_data(bio, data); }

#endif
