/* Answers test vectors with strongSwan's own libraries: one question a line on standard input, one answer a line.
 *
 *   answer PLUGIN…                     the plugins of libstrongswan that may answer, in strongSwan's order of preference
 *   crypter ALG KEY IV PLAINTEXT       -> ok CIPHERTEXT
 *   seal ALG KEY IV AAD PLAINTEXT      -> ok CIPHERTEXT‖ICV        (KEY ends in the salt)
 *   open ALG KEY IV AAD CIPHERTEXT‖ICV -> ok PLAINTEXT
 *   signer ALG KEY DATA                -> ok ICV
 *   prf ALG KEY DATA                   -> ok OUTPUT
 *   prf-plus ALG KEY SEED SIZE         -> ok OUTPUT
 *   group GROUP                        -> ok PRIME GENERATOR
 *   public GROUP PRIVATE               -> ok PUBLIC
 *   shared GROUP PRIVATE PUBLIC        -> ok SECRET
 *   esp-open ENCR KEY INTEG KEY PACKET -> ok NEXT-HEADER PAYLOAD   (libipsec, strongSwan's user-space ESP)
 *
 * Octets are hexadecimal, "-" stands for none; ALG, GROUP and so on are the numbers of IANA's IKEv2 registries. Other
 * answers: "refused WHY", "unsupported WHY". strongSwan's packages have no headers, so what is used of the interfaces
 * of version 6.0 is declared here; the image checks the version.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ARGUMENTS 6

typedef struct { uint8_t *data; size_t size; } octets;

typedef struct crypter {
    bool (*encrypt)(struct crypter *, octets data, octets iv, octets *encrypted);
    void *decrypt, *block_size;
    size_t (*iv_size)(struct crypter *);
    size_t (*key_size)(struct crypter *);
    bool (*set_key)(struct crypter *, octets key);
    void (*destroy)(struct crypter *);
} crypter;

typedef struct aead {
    bool (*encrypt)(struct aead *, octets plain, octets aad, octets iv, octets *encrypted);
    bool (*decrypt)(struct aead *, octets encrypted, octets aad, octets iv, octets *plain);
    void *block_size;
    size_t (*icv_size)(struct aead *);
    size_t (*iv_size)(struct aead *);
    void *iv_generator;
    size_t (*key_size)(struct aead *);
    bool (*set_key)(struct aead *, octets key);
    void (*destroy)(struct aead *);
} aead;

typedef struct keyed { /* signers and pseudo-random functions alike, but for the third */
    void *fill;
    bool (*allocate)(struct keyed *, octets data, octets *output);
} keyed;

typedef struct signer {
    keyed common;
    void *verify, *block_size, *key_size;
    bool (*set_key)(struct signer *, octets key);
    void (*destroy)(struct signer *);
} signer;

typedef struct prf {
    keyed common;
    void *block_size, *key_size;
    bool (*set_key)(struct prf *, octets key);
    void (*destroy)(struct prf *);
} prf;

enum { KDF_PRF_PLUS = 2, KDF_KEY = 0, KDF_SALT = 1 };
typedef struct kdf {
    void *type, *length, *fill;
    bool (*allocate)(struct kdf *, size_t size, octets *output);
    bool (*set)(struct kdf *, int parameter, ...);
    void (*destroy)(struct kdf *);
} kdf;

typedef struct key_exchange {
    bool (*shared)(struct key_exchange *, octets *secret);
    bool (*set_public)(struct key_exchange *, octets value);
    bool (*public)(struct key_exchange *, octets *value);
    bool (*set_private)(struct key_exchange *, octets value, void *drbg);
    void *method;
    void (*destroy)(struct key_exchange *);
} key_exchange;

typedef struct factory {
    crypter *(*crypter)(struct factory *, int algorithm, size_t key_size);
    aead *(*aead)(struct factory *, int algorithm, size_t key_size, size_t salt_size);
    signer *(*signer)(struct factory *, int algorithm);
    void *hasher;
    prf *(*prf)(struct factory *, int algorithm);
    void *xof;
    kdf *(*kdf)(struct factory *, int algorithm, ...);
    void *drbg, *rng, *nonce;
    key_exchange *(*key_exchange)(struct factory *, int method, ...);
} factory;

typedef struct loader {
    void *add_static_features;
    bool (*load)(struct loader *, char *plugins);
} loader;

extern struct {
    void *get, *set, *name, *configuration, *printf_hook, *proposal, *capabilities;
    factory *crypto;
    void *credentials[8];
    loader *plugins;
} *lib;
bool library_init(char *settings, const char *name);

typedef struct { octets prime, generator; } modp;
modp *diffie_hellman_get_params(int group);

/* libipsec */
typedef struct packet packet;
packet *packet_create_from_data(void *source, void *destination, octets data);
void *host_create_from_string(char *address, uint16_t port);

typedef struct ip_packet {
    void *version, *source, *destination, *next_header;
    octets (*encoding)(struct ip_packet *);
} ip_packet;

typedef struct esp_context {
    aead *(*aead)(struct esp_context *);
    void *sequence[4];
    void (*destroy)(struct esp_context *);
} esp_context;
esp_context *esp_context_create(int encryption, octets key, int integrity, octets integrity_key, bool inbound);

typedef struct esp_packet {
    void *packet[13], *source, *destination, *parse;
    int (*decrypt)(struct esp_packet *, esp_context *);
    void *encrypt;
    uint8_t (*next_header)(struct esp_packet *);
    ip_packet *(*payload)(struct esp_packet *);
    void *extract;
    void (*destroy)(struct esp_packet *);
} esp_packet;
esp_packet *esp_packet_create_from_packet(packet *);
bool libipsec_init(void);
enum { SUCCESS = 0 };

static void answer(int count, ...)
{
    va_list list;

    fputs("ok", stdout);
    va_start(list, count);
    while (count--) {
        octets value = va_arg(list, octets);
        fputs(value.size ? " " : " -", stdout);
        for (size_t i = 0; i < value.size; i++)
            printf("%02x", value.data[i]);
    }
    va_end(list);
    puts("");
}

static void refused(const char *why) { printf("refused %s\n", why); }
static void unsupported(const char *why) { printf("unsupported %s\n", why); }

static void fail(const char *why)
{
    fprintf(stderr, "answer: %s\n", why);
    exit(2);
}

static octets from_hex(const char *text)
{
    octets value = { NULL, strcmp(text, "-") ? strlen(text) / 2 : 0 };

    value.data = malloc(value.size + 1);
    for (size_t i = 0; i < value.size; i++)
        if (sscanf(text + 2 * i, "%2hhx", value.data + i) != 1)
            fail("octets must be hexadecimal");
    return value;
}

static void do_crypter(char **arguments)
{
    octets key = from_hex(arguments[1]), iv = from_hex(arguments[2]), plain = from_hex(arguments[3]), out;
    int algorithm = atoi(arguments[0]);
    bool counter = algorithm == 13 || algorithm == 24; /* the key ends in a nonce of four octets */
    crypter *made = lib->crypto->crypter(lib->crypto, algorithm, key.size - (counter ? 4 : 0));

    if (!made || made->key_size(made) != key.size || made->iv_size(made) != iv.size)
        unsupported("no plugin has this cipher with such a key and IV");
    else if (made->set_key(made, key) && made->encrypt(made, plain, iv, &out))
        answer(1, out);
    else
        refused("the cipher does not take key or data");
    if (made)
        made->destroy(made);
}

static aead *make_aead(char **arguments, octets key, octets iv)
{
    int algorithm = atoi(arguments[0]);
    size_t salt = (algorithm >= 14 && algorithm <= 16) || (algorithm >= 25 && algorithm <= 27) ? 3 : 4;
    aead *made = key.size > salt ? lib->crypto->aead(lib->crypto, algorithm, key.size - salt, salt) : NULL;

    if (made && made->key_size(made) == key.size && made->iv_size(made) == iv.size)
        return made;
    unsupported("no plugin has this AEAD with such a key and IV");
    if (made)
        made->destroy(made);
    return NULL;
}

static void do_seal(char **arguments)
{
    octets key = from_hex(arguments[1]), iv = from_hex(arguments[2]), out;
    aead *made = make_aead(arguments, key, iv);

    if (!made)
        return;
    if (made->set_key(made, key)
        && made->encrypt(made, from_hex(arguments[4]), from_hex(arguments[3]), iv, &out))
        answer(1, out);
    else
        refused("the AEAD does not take key or data");
    made->destroy(made);
}

static void do_open(char **arguments)
{
    octets key = from_hex(arguments[1]), iv = from_hex(arguments[2]), out;
    aead *made = make_aead(arguments, key, iv);

    if (!made)
        return;
    if (made->set_key(made, key)
        && made->decrypt(made, from_hex(arguments[4]), from_hex(arguments[3]), iv, &out))
        answer(1, out);
    else
        refused("integrity check failed");
    made->destroy(made);
}

static void do_signer(char **arguments)
{
    signer *made = lib->crypto->signer(lib->crypto, atoi(arguments[0]));
    octets out;

    if (!made)
        unsupported("no plugin has this signer");
    else if (made->set_key(made, from_hex(arguments[1]))
             && made->common.allocate(&made->common, from_hex(arguments[2]), &out))
        answer(1, out);
    else
        refused("the signer does not take the key");
    if (made)
        made->destroy(made);
}

static void do_prf(char **arguments)
{
    prf *made = lib->crypto->prf(lib->crypto, atoi(arguments[0]));
    octets out;

    if (!made)
        unsupported("no plugin has this prf");
    else if (made->set_key(made, from_hex(arguments[1]))
             && made->common.allocate(&made->common, from_hex(arguments[2]), &out))
        answer(1, out);
    else
        refused("the prf does not take the key");
    if (made)
        made->destroy(made);
}

static void do_prf_plus(char **arguments)
{
    kdf *made = lib->crypto->kdf(lib->crypto, KDF_PRF_PLUS, atoi(arguments[0]));
    octets out;

    if (!made)
        unsupported("no plugin has prf+ with this prf");
    else if (made->set(made, KDF_KEY, from_hex(arguments[1])) && made->set(made, KDF_SALT, from_hex(arguments[2]))
             && made->allocate(made, (size_t)atol(arguments[3]), &out))
        answer(1, out);
    else
        refused("prf+ does not take key, seed or size");
    if (made)
        made->destroy(made);
}

static void do_group(char **arguments)
{
    modp *known = diffie_hellman_get_params(atoi(arguments[0]));

    if (known)
        answer(2, known->prime, known->generator);
    else
        unsupported("not a MODP group");
}

static key_exchange *make_key_exchange(char **arguments)
{
    key_exchange *made = lib->crypto->key_exchange(lib->crypto, atoi(arguments[0]));

    if (made && made->set_private && made->set_private(made, from_hex(arguments[1]), NULL))
        return made;
    unsupported("no plugin has this group with a private value that can be chosen");
    if (made)
        made->destroy(made);
    return NULL;
}

static void do_public(char **arguments)
{
    key_exchange *made = make_key_exchange(arguments);
    octets out;

    if (!made)
        return;
    if (made->public(made, &out))
        answer(1, out);
    else
        refused("no public value");
    made->destroy(made);
}

static void do_shared(char **arguments)
{
    key_exchange *made = make_key_exchange(arguments);
    octets out;

    if (!made)
        return;
    if (made->set_public(made, from_hex(arguments[2])) && made->shared(made, &out))
        answer(1, out);
    else
        refused("invalid public value");
    made->destroy(made);
}

/* Whether an intact packet holds something else than an IP packet, which libipsec does not take. */
static bool holds_no_ip(esp_context *context, octets data)
{
    aead *cipher = context->aead(context);
    size_t iv = cipher->iv_size(cipher);
    octets plain = { NULL, 0 };

    return data.size > 8 + iv
        && cipher->decrypt(cipher, (octets){ data.data + 8 + iv, data.size - 8 - iv }, (octets){ data.data, 8 },
                           (octets){ data.data + 8, iv }, &plain)
        && (plain.size == 0 || (plain.data[0] >> 4 != 4 && plain.data[0] >> 4 != 6));
}

static void do_esp_open(char **arguments)
{
    octets data = from_hex(arguments[4]), copy = from_hex(arguments[4]);
    esp_context *context = esp_context_create(atoi(arguments[0]), from_hex(arguments[1]), atoi(arguments[2]),
                                              from_hex(arguments[3]), true);
    void *from = host_create_from_string("192.0.2.1", 0), *to = host_create_from_string("192.0.2.2", 0);
    esp_packet *received;

    if (!context) {
        unsupported("libipsec has no such Child SA");
        return;
    }
    received = esp_packet_create_from_packet(packet_create_from_data(from, to, data));
    if (received->decrypt(received, context) == SUCCESS) {
        uint8_t next = received->next_header(received);
        ip_packet *payload = received->payload(received);
        answer(2, (octets){ &next, 1 }, payload->encoding(payload));
    } else if (holds_no_ip(context, copy))
        unsupported("libipsec takes IP packets only");
    else
        refused("libipsec drops the packet");
    received->destroy(received);
    context->destroy(context);
}

static const struct {
    const char *name;
    int arguments;
    void (*run)(char **);
} operations[] = {
    { "crypter", 4, do_crypter },   { "seal", 5, do_seal },     { "open", 5, do_open },
    { "signer", 3, do_signer },     { "prf", 3, do_prf },       { "prf-plus", 4, do_prf_plus },
    { "group", 1, do_group },       { "public", 2, do_public }, { "shared", 3, do_shared },
    { "esp-open", 5, do_esp_open },
};

static void respond(char *line)
{
    char *name = strtok(line, " \n"), *arguments[MAX_ARGUMENTS];
    int count = 0;

    while (count < MAX_ARGUMENTS && (arguments[count] = strtok(NULL, " \n")))
        count++;
    for (size_t i = 0; name && i < sizeof(operations) / sizeof(*operations); i++)
        if (!strcmp(name, operations[i].name) && count == operations[i].arguments) {
            operations[i].run(arguments);
            fflush(stdout);
            return;
        }
    fail("no such question");
}

int main(int count, char **arguments)
{
    char plugins[1024] = "", *line = NULL;
    size_t size = 0;

    for (int i = 1; i < count; i++)
        snprintf(plugins + strlen(plugins), sizeof(plugins) - strlen(plugins), "%s ", arguments[i]);
    if (!library_init(NULL, "vectors") || !lib->plugins->load(lib->plugins, plugins))
        fail("libstrongswan does not start with these plugins");
    if (!libipsec_init())
        fail("libipsec does not start");
    while (getline(&line, &size, stdin) > 0)
        respond(line);
    /* answers are owned by nobody: the process ends with its questions */
    return 0;
}
